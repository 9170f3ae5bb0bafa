import { journalTopic } from '@orrery/contracts';
import { ToyWorld } from '@orrery/testing';

const journal = { topic: journalTopic('services'), partition: 0 };
const add = (counter: string, amount = 1) => ({ type: 'Add', counter, amount }) as const;

/** A world whose owner has committed `commands` times, one command each. */
async function lived(commands: number, settings: Parameters<ToyWorld['host']>[0] = {}) {
  const world = new ToyWorld();
  await world.provision();
  const first = await world.host(settings);
  for (let index = 0; index < commands; index += 1) {
    world.send(`${index}`, add(`c${index % 7}`));
    await world.clock.advance(10);
  }
  return { world, first };
}

describe('a standby', () => {
  it('folds what the owner commits, byte for byte', async () => {
    const { world, first } = await lived(20);
    const second = await world.host({ instance: 'b', hinted: false });
    world.send('more', add('a'));
    await world.clock.advance(100);
    expect(second.loop.status()[0]).toMatchObject({ state: 'standby', seq: 22 });
    expect(second.loop.digests()).toEqual(first.loop.digests());
  });

  it('takes over when it is named, and the one before stands down', async () => {
    const { world, first } = await lived(3);
    const second = await world.host({ instance: 'b', hinted: false });
    first.hint.name();
    second.hint.name(0);
    await world.until(() => second.loop.status()[0]!.state === 'owning', 'b owns');
    expect(first.loop.status()[0]!.state).toBe('standby');
    world.send('more', add('a'));
    await world.clock.advance(100);
    expect(world.commits().at(-1)).toMatchObject({ term: 2, events: [{ type: 'CommandAccepted' }, { type: 'Added' }] });
    expect(second.loop.digests()).toEqual(first.loop.digests());
  });

  it('boots from a snapshot and the tail to the state that was lived', async () => {
    const { world, first } = await lived(30, { snapshotEveryEvents: 20 });
    const [newest, older] = await world.snapshots.listManifests({ domain: 'services', cell: 0 });
    expect(older).toBeDefined();
    const { loop } = await world.host({ instance: 'b', hinted: false });
    expect(loop.digests()).toEqual(first.loop.digests());
    const begun = world.signals.flatMap((signal) => (signal.kind === 'loaded' ? [signal.seq] : []));
    expect(begun).toEqual([-1, newest!.seq]);
  });

  it('passes over a damaged snapshot for the next older one, and says so', async () => {
    const { world, first } = await lived(30, { snapshotEveryEvents: 20 });
    const [newest] = await world.snapshots.listManifests({ domain: 'services', cell: 0 });
    world.snapshots.damage({ domain: 'services', cell: 0 }, newest!.slices.at(-1)!.digest);
    const { loop } = await world.host({ instance: 'b', hinted: false });
    expect(world.signals).toContainEqual(expect.objectContaining({ kind: 'alarm', code: 'snapshot-damaged' }));
    expect(loop.digests()).toEqual(first.loop.digests());
  });

  it('folds from zero when the snapshot store stays away', async () => {
    const { world, first } = await lived(30, { snapshotEveryEvents: 20 });
    world.snapshots.failing = () => true;
    const { loop } = await world.host({ instance: 'b', hinted: false });
    expect(loop.digests()).toEqual(first.loop.digests());
  });

  it('never starts on a topic that was made again, whatever snapshots say', async () => {
    const { world, first } = await lived(30, { snapshotEveryEvents: 20 });
    await world.clock.advanceWhile(first.loop.stop());
    const before = world.log.messagesOf(journal);
    world.log.recreate(journal);
    const { loop: empty } = await world.host({ instance: 'b', hinted: false });
    expect(empty.status()[0]).toMatchObject({ state: 'failed' });
    expect(empty.status()[0]!.error).toContain('anchor-lost');
    // As many other records in its place change nothing.
    for (const _ of before) void world.log.append(journal, { value: Buffer.from('{}') });
    await world.clock.advance(1_000);
    const { loop: refilled } = await world.host({ instance: 'c', hinted: false });
    expect(refilled.status()[0]!.error).toContain('anchor-lost');
  });

  it('never starts without the registered genesis', async () => {
    const { world, first } = await lived(3);
    await world.clock.advanceWhile(first.loop.stop());
    world.log.recreate(journal);
    const { loop } = await world.host({ instance: 'b', hinted: false });
    expect(loop.status()[0]!.error).toContain('genesis-missing');
    const other = new ToyWorld();
    await expect(other.host({ hinted: false })).resolves.toMatchObject({});
    expect(other.signals).toContainEqual(expect.objectContaining({ kind: 'stopped', reason: 'not-registered' }));
  });

  it('leaves the process to the shards that work where only its own journal is damaged, and ends it where none is left', async () => {
    const world = new ToyWorld();
    await world.provision('services', 2);
    const first = await world.host({ cells: 2 });
    world.send('1', add('a'));
    await world.clock.advance(1_000);
    await world.clock.advanceWhile(first.loop.stop());
    world.log.recreate(journal);
    const { loop } = await world.host({ cells: 2, instance: 'b', hinted: false });
    expect(loop.status().map(({ state }) => state)).toEqual(['failed', 'standby']);
    expect(await Promise.race([loop.beyondHelp, Promise.resolve('goes on')])).toBe('goes on');
    world.log.recreate({ ...journal, partition: 1 });
    const { loop: none } = await world.host({ cells: 2, instance: 'c', hinted: false });
    expect(none.status().map(({ state }) => state)).toEqual(['failed', 'failed']);
    expect((await none.beyondHelp).message).toContain('genesis-missing');
  });

  it('stops at a record that would be next and does not link, and counts what is foreign', async () => {
    const { world, first } = await lived(3);
    void world.log.append(journal, { value: Buffer.from('garbage') });
    void world.log.append(journal, { value: Buffer.from('{"journalId":"other","seq":4}') });
    await world.clock.advance(100);
    expect(first.loop.status()[0]).toMatchObject({ state: 'owning', voidRecords: 2 });
    const { journalId } = first.loop.status()[0]!;
    void world.log.append(journal, { value: Buffer.from(JSON.stringify({ journalId, seq: 99, kind: 'Commit' })) });
    await world.clock.advance(100);
    expect(first.loop.status()[0]).toMatchObject({ state: 'failed' });
    expect(first.loop.status()[0]!.error).toContain('gap');
  });

  it('says when messages that it had to decide on are gone', async () => {
    const { world, first } = await lived(3);
    await world.clock.advanceWhile(first.loop.stop());
    world.send('lost', add('a'));
    world.send('kept', add('a'));
    await world.clock.advance(100);
    world.log.trim({ topic: 'orrery.services.commands', partition: 0 }, 4);
    const { loop } = await world.host({ instance: 'b', hinted: false });
    expect(loop.status()[0]!.error).toContain('input-lost');
  });
});
