import { journalTopic } from '@orrery/contracts';
import { toyDecider, toyHosting, ToyWorld, type ToyHosting } from '@orrery/testing';
import { auditJournal, followJournals, type FollowerStart } from './index.js';

const add = (counter: string) => ({ type: 'Add', counter, amount: 1 }) as const;
const reading: ToyHosting = { ...toyHosting, domain: 'allocation', foreign: (cell) => [{ domain: 'services', cell }] };
const services = { domain: 'services', cell: 0, folding: toyDecider } as const;
const allocation = { domain: 'allocation', cell: 0, folding: toyDecider } as const;

async function lived() {
  const world = new ToyWorld();
  await world.provision('services');
  await world.provision('allocation');
  const first = await world.host({ instance: 's', snapshotEveryEvents: 10 });
  const second = await world.host({ instance: 'a', hosting: reading, snapshotEveryEvents: 10 });
  const send = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      world.send(
        `${world.clock.nowMs()}`,
        index % 2 === 0 ? add('a') : { type: 'Send', counter: 'a', amount: 1, to: 'b' },
      );
      await world.clock.advance(10);
    }
    await world.clock.advance(100);
  };
  return { world, send, loops: [first.loop, second.loop] };
}

async function follow(world: ToyWorld, start: FollowerStart, onCommit: () => void | Promise<void> = () => undefined) {
  const seen: string[] = [];
  const errors: Error[] = [];
  const follower = followJournals(
    {
      sources: [allocation, services],
      start,
      onCommit: async ({ source, record }) => {
        seen.push(`${source.domain} ${record.seq}`);
        await onCommit();
      },
      onStopped: (error) => errors.push(error),
    },
    world,
  );
  await world.clock.advanceWhile(follower.start());
  return { follower, seen, errors };
}

describe('a follower', () => {
  it('folds several journals as one story to the states of their owners', async () => {
    const { world, send, loops } = await lived();
    await send(20);
    const { follower, seen } = await follow(world, { from: 'zero' });
    await world.clock.advanceWhile(follower.caughtUp());
    const digestOf = (source: typeof services | typeof allocation) =>
      follower.foldOf(source).digest(follower.positions()[`${source.domain}/0`]!);
    expect([digestOf(services), digestOf(allocation)]).toEqual(loops.map((loop) => loop.digests()[0]!.digest));

    // Every answer comes after what it answers to.
    for (const commit of world.commits('allocation')) {
      for (const input of commit.inputs) {
        if (input.kind !== 'journal') continue;
        expect(seen.indexOf(`services ${input.toSeq}`)).toBeLessThan(seen.indexOf(`allocation ${commit.seq}`));
      }
    }
  });

  it('goes on while the owners do, and waits for whoever takes a commit', async () => {
    const { world, send } = await lived();
    let release: (() => void) | undefined;
    const { follower, seen } = await follow(
      world,
      { from: 'zero' },
      () => new Promise<void>((resolve) => (release = resolve)),
    );
    await send(4);
    expect(seen).toHaveLength(1);
    for (let turn = 0; turn < 50; turn += 1) {
      release?.();
      await world.clock.advance(1);
    }
    await world.clock.advanceWhile(follower.caughtUp());
    expect(seen).toHaveLength(world.records('services').length + world.records('allocation').length);
  });

  it('starts from snapshots and hands over only what came after them', async () => {
    const { world, send, loops } = await lived();
    await send(30);
    const { follower, seen } = await follow(world, { from: 'snapshot' });
    await world.clock.advanceWhile(follower.caughtUp());
    expect(seen.length).toBeLessThan(20);
    expect(follower.foldOf(services).digest(follower.positions()['services/0']!)).toBe(loops[0]!.digests()[0]!.digest);
  });

  it('goes on from given positions, with the state that belongs to them', async () => {
    const { world, send, loops } = await lived();
    await send(20);
    const before = await follow(world, { from: 'zero' });
    await world.clock.advanceWhile(before.follower.caughtUp());
    const positions = before.follower.positions();
    await world.clock.advanceWhile(before.follower.stop());
    await send(6);
    const after = await follow(world, { from: 'positions', positions });
    await world.clock.advanceWhile(after.follower.caughtUp());
    const fresh = world.records('services').length - 1 - positions['services/0']!.seq;
    expect(after.seen.filter((what) => what.startsWith('services'))).toHaveLength(fresh);
    expect(after.follower.foldOf(services).digest(after.follower.positions()['services/0']!)).toBe(
      loops[0]!.digests()[0]!.digest,
    );
  });

  it('stops on damage and says where', async () => {
    const { world, send } = await lived();
    await send(4);
    const { follower, errors } = await follow(world, { from: 'zero' });
    const { journalId } = world.records('services')[0]!;
    const forged = { journalId, seq: 999, kind: 'Commit' };
    void world.log.append(
      { topic: journalTopic('services'), partition: 0 },
      { value: Buffer.from(JSON.stringify(forged)) },
    );
    await world.clock.advance(1_000);
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining('gap: orrery.services.journal-0')]);
    await expect(follower.caughtUp()).rejects.toThrow('gap');
  });

  it('refuses to start at a position of another journal', async () => {
    const { world } = await lived();
    const position = { journalId: 'other', next: 1, lastOffset: 0, term: 0, writer: '', seq: 0, hash: 'x', at: 0 };
    await expect(follow(world, { from: 'positions', positions: { 'services/0': position } })).rejects.toThrow(
      'anchor-lost',
    );
  });
});

describe('an audit', () => {
  const journal = { topic: journalTopic('services'), partition: 0 };
  const audit = (world: ToyWorld) => world.clock.advanceWhile(auditJournal(world, services));

  it('is clean after an honest life, and has held every snapshot against the fold from zero', async () => {
    const { world, send, loops } = await lived();
    await send(30);
    const report = await audit(world);
    expect(report).toMatchObject({ clean: true, terms: 1, voidRecords: [], stopped: undefined });
    expect(report.snapshots.length).toBeGreaterThan(2);
    expect(report.digest).toBe(loops[0]!.digests()[0]!.digest);
  });

  it('names a copy as what the protocol leaves, and forged records as forged', async () => {
    const { world, send } = await lived();
    await send(4);
    const values = world.log.messagesOf(journal).map(({ value }) => value!);
    void world.log.append(journal, { value: values[2]! });
    await world.clock.advance(10);
    const honest = await audit(world);
    expect(honest).toMatchObject({ clean: true, voidRecords: [{ reason: 'late', expected: true }] });

    const { journalId } = world.records()[0]!;
    const forged = { ...world.commits()[0]!, seq: 3, events: [] };
    void world.log.append(journal, { value: Buffer.from(JSON.stringify({ ...forged, journalId })) });
    void world.log.append(journal, { value: Buffer.from('garbage') });
    await world.clock.advance(10);
    const report = await audit(world);
    expect(report.clean).toBe(false);
    expect(report.voidRecords.map(({ reason, expected }) => `${reason} ${expected}`)).toEqual([
      'late true',
      'late false',
      'unreadable false',
    ]);
    expect(report.voidRecords[1]!.what).toContain('forged');
  });

  it('finds a snapshot that is not what the journal says', async () => {
    const { world, send } = await lived();
    await send(30);
    const [newest] = await world.snapshots.listManifests({ domain: 'services', cell: 0 });
    await world.snapshots.putManifest({ ...newest!, digest: 'tampered' });
    const report = await audit(world);
    expect(report.clean).toBe(false);
    expect(report.snapshots.filter(({ ok }) => !ok)).toMatchObject([{ seq: newest!.seq }]);
  });

  it('finds a record that was altered, dropped or reordered', async () => {
    for (const harm of [
      (values: Uint8Array[]) =>
        values.with(3, Buffer.from(Buffer.from(values[3]!).toString().replace('"at":', '"at":1'))),
      (values: Uint8Array[]) => values.toSpliced(3, 1),
      (values: Uint8Array[]) => values.with(3, values[4]!).with(4, values[3]!),
    ]) {
      const { world, send } = await lived();
      await send(6);
      const values = world.log.messagesOf(journal).map(({ value }) => value!);
      world.log.recreate(journal);
      for (const value of harm(values)) void world.log.append(journal, { value });
      await world.clock.advance(10);
      const report = await audit(world);
      expect(report.clean).toBe(false);
      expect(report.stopped).toMatch(/fork|gap/);
    }
  });
});
