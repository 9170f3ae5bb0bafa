import { commandTopic, journalTopic, type CommitRecord } from '@orrery/contracts';
import { toyHosting, ToyWorld, type ToyHosting } from '@orrery/testing';
import { createHash } from 'node:crypto';
import { AppendInDoubt, type Log } from '../index.js';

const add = (counter: string, amount = 1) => ({ type: 'Add', counter, amount }) as const;
const kinds = (world: ToyWorld) => world.records().map(({ kind, seq }) => `${kind} ${seq}`);

/** The log as one process sees it, which can be cut off from appending to journals. */
function cutOff(world: ToyWorld): { readonly log: Log; off(): void; on(): void } {
  let off = false;
  const { log } = world;
  return {
    off: () => void (off = true),
    on: () => void (off = false),
    log: {
      append: (target, message) =>
        off && target.topic === journalTopic('services')
          ? Promise.reject(new AppendInDoubt('cut off'))
          : log.append(target, message),
      publish: log.publish.bind(log),
      follow: log.follow.bind(log),
      read: log.read.bind(log),
      bounds: log.bounds.bind(log),
    },
  };
}

async function owned(settings: Parameters<ToyWorld['host']>[0] = {}) {
  const world = new ToyWorld();
  await world.provision();
  const { loop, hint } = await world.host(settings);
  return { world, loop, hint };
}

describe('an owner', () => {
  it('decides commands on the state after the ones before, and commits them as one group', async () => {
    const { world } = await owned();
    world.send('1', add('a', 5));
    world.send('2', { type: 'Send', counter: 'a', amount: 3, to: 'b' });
    world.send('3', { type: 'Send', counter: 'a', amount: 3, to: 'b' });
    await world.until(() => world.events().length === 5, 'all are decided');
    expect(world.events().map(({ type, data }) => [type, data['command'] ?? data['counter'], data['code']])).toEqual([
      ['CommandAccepted', '1', undefined],
      ['Added', 'a', undefined],
      ['CommandAccepted', '2', undefined],
      ['Sent', 'a', undefined],
      ['CommandRefused', '3', 'too-little'],
    ]);
    expect(kinds(world)).toEqual(['Genesis 0', 'TermStarted 1', 'Commit 2']);
  });

  it('records its inputs in the order of decision, with a digest of their values', async () => {
    const { world } = await owned();
    world.send('1', add('a'));
    world.send('2', add('b'));
    await world.until(() => world.commits().length > 0, 'a commit');
    const source = { topic: commandTopic('services'), partition: 0 };
    const sha256 = createHash('sha256');
    for (const { value } of world.log.messagesOf(source)) sha256.update(value!);
    expect(world.commits()[0]!.inputs).toEqual([
      { kind: 'slice', ...source, from: 0, to: 2, sha256: sha256.digest('hex') },
    ]);
  });

  it('gives a tick when the earliest deadline is due, and not before', async () => {
    const { world } = await owned();
    const dueMs = world.clock.nowMs() + 90_000;
    world.send('1', { type: 'Schedule', counter: 'a', dueMs });
    await world.clock.advance(89_000);
    expect(world.events().map(({ type }) => type)).toEqual(['CommandAccepted', 'Scheduled']);
    await world.clock.advance(2_000);
    expect(world.events().at(-1)).toMatchObject({ type: 'Fired' });
    const commit = world.commits().at(-1)!;
    expect(commit.at).toBe(dueMs);
    expect(commit.inputs).toMatchObject([{ kind: 'internal', at: dueMs, input: { type: 'tick' } }]);
  });

  it('goes on with long work by continue, other inputs in between', async () => {
    const { world } = await owned({ groupInputsMax: 1 });
    world.send('1', { type: 'Count', counter: 'a', times: 10 });
    world.send('2', add('b'));
    await world.until(() => world.events().filter(({ type }) => type === 'Counting').length === 4, 'counted to ten');
    const types = world.events().map(({ type }) => type);
    expect(types.indexOf('Added')).toBeLessThan(types.lastIndexOf('Counting'));
    expect(world.events().findLast(({ type }) => type === 'Counting')!.data).toMatchObject({ left: 0, done: 1 });
  });

  it('takes internal inputs of its host, recorded whole', async () => {
    let submit: ((internal: { type: 'Nudge'; counter: string }) => boolean) | undefined;
    const hosting = {
      ...toyHosting,
      owning: (shard: { submitInternal: typeof submit }) => (
        (submit = shard.submitInternal),
        { stop: () => undefined }
      ),
    } as unknown as ToyHosting;
    const { world } = await owned({ hosting });
    expect(submit!({ type: 'Nudge', counter: 'a' })).toBe(true);
    await world.until(() => world.commits().length === 1, 'a commit');
    expect(world.commits()[0]!.inputs).toMatchObject([{ kind: 'internal', input: { type: 'Nudge', counter: 'a' } }]);
  });

  it('writes nothing while nothing happens', async () => {
    const { world } = await owned();
    await world.clock.advance(10 * 60_000);
    expect(kinds(world)).toEqual(['Genesis 0', 'TermStarted 1']);
  });

  it('saves its position after 30 s when inputs gave no events, once', async () => {
    const { world } = await owned();
    world.send('1', add('a'));
    await world.clock.advance(100);
    world.send('1', add('a'));
    await world.clock.advance(29_000);
    expect(world.commits()).toHaveLength(1);
    await world.clock.advance(10 * 60_000);
    expect(world.commits()).toHaveLength(2);
    const [first, second] = world.commits() as [CommitRecord, CommitRecord];
    expect(second.events).toEqual([]);
    expect(second.inputs).toMatchObject([{ from: 1, to: 2 }]);
    // The repeat was decided when it came, not when its position was saved: decided again, it must be at that time.
    expect(second.inputs[0]).toMatchObject({ at: first.at + 100 });
  });

  it('saves its position after so many inputs without events', async () => {
    const { world } = await owned({ saveEveryInputs: 50, groupInputsMax: 10 });
    world.send('1', add('a'));
    await world.clock.advance(100);
    for (let index = 0; index < 60; index += 1) world.send('1', add('a'));
    await world.clock.advance(1_000);
    expect(world.commits().map(({ inputs }) => inputs.map((input) => (input.kind === 'slice' ? input.to : 0)))).toEqual(
      [[1], [51]],
    );
  });

  it('drops what it had decided when another owner was faster, who decides it instead', async () => {
    const world = new ToyWorld();
    await world.provision();
    const cut = cutOff(world);
    const first = await world.host({ instance: 'a', log: cut.log });
    const second = await world.host({ instance: 'b', hinted: false });
    cut.off();
    world.send('1', add('a'));
    await world.until(() => world.signals.some(({ kind }) => kind === 'in-doubt'), 'a is in doubt');
    first.hint.name();
    second.hint.name(0);
    await world.until(() => world.events().length === 2, 'b has decided');
    cut.on();
    await world.clock.advance(20_000);
    expect(world.events().map(({ type }) => type)).toEqual(['CommandAccepted', 'Added']);
    expect(world.commits()[0]).toMatchObject({ term: 2, seq: 3 });
    expect(world.signals).toContainEqual(expect.objectContaining({ kind: 'rolled-back', seq: 2, inputs: 1 }));
    expect(first.loop.digests()[0]).toMatchObject({ seq: 3 });
    expect(first.loop.digests()).toEqual(second.loop.digests());
  });

  it('stands down when the hint leaves it, and owns again without a new term when nobody took over', async () => {
    const { world, loop, hint } = await owned();
    hint.name();
    expect(loop.status()[0]!.state).toBe('standby');
    world.send('1', add('a'));
    await world.clock.advance(1_000);
    expect(world.commits()).toEqual([]);
    hint.name(0);
    await world.until(() => world.commits().length === 1, 'decided after all');
    expect(kinds(world)).toEqual(['Genesis 0', 'TermStarted 1', 'Commit 2']);
  });

  it('fails alone when its decider breaks, and other shards go on', async () => {
    const hosting: ToyHosting = {
      ...toyHosting,
      decider: {
        ...toyHosting.decider,
        decide: (input, state, context) => {
          if (input.kind === 'command' && input.id === 'poison') throw new Error('a bug');
          return toyHosting.decider.decide(input, state, context);
        },
      },
    };
    const world = new ToyWorld();
    await world.provision('services', 2);
    const { loop } = await world.host({ cells: 2, hosting });
    world.send('poison', add('a'));
    world.send('2', add('a'), { cell: 1 });
    await world.clock.advance(1_000);
    expect(loop.status().map(({ state }) => state)).toEqual(['failed', 'owning']);
    expect(loop.status()[0]!.error).toBe('a bug');
    expect(world.events('services', 1)).toHaveLength(2);
    // What is in memory may be wrong: the process is to end, and another one to take over.
    expect(await loop.beyondHelp).toMatchObject({ message: 'a bug' });
  });

  it('stops when its topic was made again under it, before anybody is told anything', async () => {
    const { world, loop } = await owned();
    world.send('1', add('a'));
    await world.clock.advance(100);
    world.log.recreate({ topic: journalTopic('services'), partition: 0 });
    world.send('2', add('a'));
    await world.clock.advance(100);
    expect(loop.status()[0]).toMatchObject({ state: 'failed' });
    expect(loop.status()[0]!.error).toContain('log-lost');
    expect(world.signals.filter(({ kind }) => kind === 'committed')).toHaveLength(1);
  });

  it('lets no commit run ahead of the time of the log, and says so', async () => {
    const world = new ToyWorld();
    await world.provision();
    let aheadMs = 60_000;
    const fast = { nowMs: () => world.clock.nowMs() + aheadMs, after: world.clock.after.bind(world.clock) };
    const { loop } = await world.host({ clock: fast });
    world.send('1', add('a'));
    await world.clock.advance(10_000);
    expect(world.commits()).toEqual([]);
    expect(world.signals).toContainEqual(expect.objectContaining({ kind: 'alarm', code: 'clock-ahead' }));
    expect(loop.status()[0]!.state).toBe('owning');
    aheadMs = 0;
    await world.clock.advance(120_000);
    expect(world.commits()).toHaveLength(1);
  });
});
