import { commandTopic, type CommitRecord } from '@orrery/contracts';
import { commandMessage, toyHosting, ToyWorld, type ToyHosting } from '@orrery/testing';
import { foldedBy, isDeliverable } from './causal.js';

const send = (to: string) => ({ type: 'Send', counter: 'a', amount: 1, to }) as const;
/** Adds what the services journal says was sent. */
const reading: ToyHosting = { ...toyHosting, domain: 'allocation', foreign: (cell) => [{ domain: 'services', cell }] };

async function twoDomains(settings: Parameters<ToyWorld['host']>[0] = {}) {
  const world = new ToyWorld();
  await world.provision('services');
  await world.provision('allocation');
  const sender = await world.host({ instance: 'sender' });
  const reader = await world.host({ instance: 'reader', hosting: reading, ...settings });
  return { world, sender, reader };
}
const added = (world: ToyWorld) => world.events('allocation').filter(({ type }) => type === 'Added');
const journalRuns = (world: ToyWorld) =>
  world.commits('allocation').flatMap(({ inputs }) => inputs.filter((input) => input.kind === 'journal'));

describe('facts of a foreign journal', () => {
  it('are decided on once each, with where they stand as their cause', async () => {
    const { world } = await twoDomains();
    world.send('0', { type: 'Add', counter: 'a', amount: 9 });
    world.send('1', send('b'));
    world.send('2', send('c'));
    await world.until(() => added(world).length === 2, 'both arrived');
    expect(world.commits('allocation')[0]!.events[0]).toMatchObject({ cause: { domain: 'services', cell: 0, seq: 2 } });
    expect(journalRuns(world)).toMatchObject([{ domain: 'services', cell: 0, fromSeq: 0, toSeq: 2 }]);
  });

  it('are not earlier than the commit that answers them', async () => {
    const { world } = await twoDomains();
    world.send('0', { type: 'Add', counter: 'a', amount: 9 });
    world.send('1', send('b'));
    await world.until(() => added(world).length === 1, 'arrived');
    expect(world.commits('allocation')[0]!.at).toBeGreaterThanOrEqual(world.commits()[0]!.at);
  });

  it('may be more than one commit can answer: the rest of a foreign commit follows in the next', async () => {
    const { world, reader } = await twoDomains({ groupInputsMax: 3 });
    world.send('0', { type: 'Add', counter: 'a', amount: 99 });
    for (let index = 1; index <= 10; index += 1) world.send(`${index}`, send('b'));
    await world.until(() => added(world).length === 10, 'all arrived');
    await world.clock.advance(1_000);
    expect(world.commits()).toHaveLength(1);
    const runs = journalRuns(world);
    expect(runs.length).toBeGreaterThan(3);
    expect(runs[0]).toMatchObject({ fromSeq: 0, toSeq: 2, toEvent: expect.any(Number) });
    expect(runs[1]).toMatchObject({ fromSeq: 2, fromEvent: (runs[0] as { toEvent: number }).toEvent });
    expect(runs.at(-1)).not.toHaveProperty('toEvent');
    const again = await world.host({ instance: 'again', hosting: reading, hinted: false });
    expect(again.loop.digests()).toEqual(reader.loop.digests());
  });

  it('have their turn although there are more commands than one commit can answer', async () => {
    const { world } = await twoDomains({ groupInputsMax: 3 });
    for (let index = 0; index < 60; index += 1) {
      const add = { type: 'Add', counter: 'own', amount: 1 } as const;
      const message = commandMessage(`c${index}`, add, { nowMs: world.clock.nowMs(), domain: 'allocation' });
      void world.log.append({ topic: commandTopic('allocation'), partition: 0 }, message);
    }
    world.send('0', { type: 'Add', counter: 'a', amount: 99 });
    for (let index = 1; index <= 6; index += 1) world.send(`${index}`, send('b'));
    await world.until(() => added(world).length === 66, 'all were answered');
    const counters = added(world).map(({ data }) => (data as { counter: string }).counter);
    expect(counters.lastIndexOf('b')).toBeLessThan(counters.length - 20);
  });

  it('are found again by the next owner in the middle of a foreign commit', async () => {
    const { world, reader } = await twoDomains({ groupInputsMax: 3 });
    world.send('0', { type: 'Add', counter: 'a', amount: 99 });
    for (let index = 1; index <= 10; index += 1) world.send(`${index}`, send('b'));
    await world.until(() => added(world).length >= 3, 'some arrived');
    reader.hint.name();
    await world.clock.advance(1_000);
    const before = added(world).length;
    expect(before).toBeLessThan(10);
    await world.host({ instance: 'next', hosting: reading });
    await world.until(() => added(world).length === 10, 'the rest arrived');
    await world.clock.advance(1_000);
    expect(added(world)).toHaveLength(10);
  });

  it('that say nothing make nobody commit', async () => {
    const { world } = await twoDomains();
    for (let restart = 0; restart < 5; restart += 1) {
      const { loop } = await world.host({ instance: `s${restart}` });
      await world.clock.advanceWhile(loop.stop());
    }
    await world.clock.advance(10 * 60_000);
    expect(world.records().length).toBeGreaterThan(5);
    expect(world.commits('allocation')).toEqual([]);
  });

  it('that need no answer are saved as read after a while, which makes nobody else commit', async () => {
    const world = new ToyWorld();
    for (const domain of ['services', 'allocation', 'cluster'] as const) await world.provision(domain);
    await world.host({ instance: 's' });
    await world.host({ instance: 'a', hosting: reading });
    const third: ToyHosting = { ...toyHosting, domain: 'cluster', foreign: (cell) => [{ domain: 'allocation', cell }] };
    await world.host({ instance: 'c', hosting: third });
    world.send('0', { type: 'Add', counter: 'a', amount: 9 });
    await world.clock.advance(10 * 60_000);
    expect(world.commits('allocation')).toMatchObject([{ events: [] }]);
    expect(world.commits('cluster')).toEqual([]);
  });
});

describe('causal delivery', () => {
  const commit = (...runs: readonly [string, number][]): CommitRecord =>
    ({
      kind: 'Commit',
      inputs: runs.map(([domain, toSeq]) => ({ kind: 'journal', domain, cell: 0, toSeq })),
    }) as unknown as CommitRecord;

  it('holds a commit back until what it had folded was handed over', () => {
    const folded = foldedBy(commit(['services', 7], ['cluster', 3]));
    expect(isDeliverable(folded, (journal) => ({ 'services/0': 7, 'cluster/0': 2 })[journal])).toBe(false);
    expect(isDeliverable(folded, (journal) => ({ 'services/0': 7, 'cluster/0': 3 })[journal])).toBe(true);
  });

  it('asks nothing of journals that are not read', () => {
    expect(isDeliverable(foldedBy(commit(['services', 7])), () => undefined)).toBe(true);
  });

  it('remembers what records that were passed over had folded', () => {
    const folded = foldedBy(commit(['services', 7]), foldedBy(commit(['services', 5], ['cluster', 9])));
    expect([...folded]).toEqual([
      ['services/0', 7],
      ['cluster/0', 9],
    ]);
  });

  it('brings what a neighbour answered after what it answered to', async () => {
    const world = new ToyWorld();
    for (const domain of ['services', 'allocation', 'cluster'] as const) await world.provision(domain);
    const order: string[] = [];
    const watching: ToyHosting = {
      ...toyHosting,
      domain: 'cluster',
      foreign: () => [
        { domain: 'allocation', cell: 0 },
        { domain: 'services', cell: 0 },
      ],
      decider: {
        ...toyHosting.decider,
        decide: (input, state, context) => {
          if (input.kind === 'foreign') order.push(`${input.domain} ${input.event.type}`);
          return toyHosting.decider.decide(input, state, context);
        },
      },
    };
    await world.host({ instance: 's' });
    await world.host({ instance: 'a', hosting: reading });
    // The watcher's own way to the services journal is slow: the answer is there before what it answers to.
    const { log, clock } = world;
    await world.host({
      instance: 'c',
      hosting: watching,
      log: {
        append: log.append.bind(log),
        publish: log.publish.bind(log),
        read: log.read.bind(log),
        bounds: log.bounds.bind(log),
        follow: (source, from, onBatch, onError) =>
          log.follow(
            source,
            from,
            async (batch) => {
              if (source.topic.includes('services')) await new Promise<void>((resolve) => clock.after(500, resolve));
              return onBatch(batch);
            },
            onError,
          ),
      },
    });
    world.send('0', { type: 'Add', counter: 'a', amount: 9 });
    world.send('1', send('b'));
    await world.clock.advance(5_000);
    expect(order).toEqual(['services Added', 'services Sent', 'allocation Added']);
  });

  it('decides on reports of several partitions, each in its order', async () => {
    const world = new ToyWorld();
    await world.provision();
    const lanes = [0, 1].map((partition) => ({ topic: 'reports', partition }));
    const hosting = {
      ...toyHosting,
      reports: () => lanes,
      decodeReport: (body: { counter?: string }) =>
        body.counter === undefined
          ? { ok: false, refusal: { code: 'invalid-field', message: '/counter is required' } }
          : { ok: true, report: body },
    } as unknown as ToyHosting;
    await world.host({ hosting });
    const report = (partition: number, body: unknown) =>
      void world.log.append(lanes[partition]!, { value: Buffer.from(JSON.stringify(body)) });
    report(0, { counter: 'a', amount: 1 });
    report(1, { counter: 'b', amount: 2 });
    report(1, { amount: 2 });
    world.sendRaw(commandMessage('1', { type: 'Add', counter: 'c', amount: 1 }, { nowMs: world.clock.nowMs() }));
    await world.clock.advance(1_000);
    const types = world.events().map(({ type, data }) => `${type} ${String(data['counter'] ?? data['code'] ?? '')}`);
    expect(types.toSorted()).toEqual([
      'Added a',
      'Added b',
      'Added c',
      'CommandAccepted ',
      'InputQuarantined invalid-field',
    ]);
    const topics = world
      .commits()
      .flatMap(({ inputs }) => inputs.map((input) => (input.kind === 'slice' ? input.topic : '')));
    expect(new Set(topics)).toEqual(new Set(['reports', commandTopic('services')]));
  });
});
