import { toyHosting, ToyWorld, type ToyHosting } from '@orrery/testing';

const add = (counter: string) => ({ type: 'Add', counter, amount: 1 }) as const;
const orders = { topic: 'orders', partition: 0 };
/** Tells the outside the seq of each commit and the counter as it stood right after it. */
const telling: ToyHosting = {
  ...toyHosting,
  relay: ({ seq }, state) => [
    { ...orders, key: String(seq), value: Buffer.from(`${seq}=${state.counters.get('a')?.value}`) },
  ],
};
const told = (world: ToyWorld) => world.log.messagesOf(orders).map(({ value }) => Buffer.from(value!).toString());

async function owned(log?: (world: ToyWorld) => Parameters<ToyWorld['host']>[0]) {
  const world = new ToyWorld();
  await world.provision();
  const first = await world.host({ hosting: telling, ...log?.(world) });
  return { world, first };
}
const commit = async (world: ToyWorld, id: string) => {
  world.send(id, add('a'));
  await world.clock.advance(50);
};

describe('relays', () => {
  it('tell the outside what accepted commits say, in order', async () => {
    const { world } = await owned();
    for (const id of ['1', '2', '3']) await commit(world, id);
    expect(told(world)).toEqual(['2=1', '3=2', '4=3']);
    expect(world.commits().map(({ relayedSeq }) => relayedSeq)).toEqual([1, 2, 3]);
  });

  it('are told by the next owner when the one before could not, and what is known to be told is not repeated', async () => {
    let away = false;
    const { world, first } = await owned((world) => ({
      log: {
        append: world.log.append.bind(world.log),
        publish: (...args) => (away ? Promise.reject(new Error('away')) : world.log.publish(...args)),
        follow: world.log.follow.bind(world.log),
        read: world.log.read.bind(world.log),
        bounds: world.log.bounds.bind(world.log),
      },
    }));
    await commit(world, '1');
    away = true;
    await commit(world, '2');
    await commit(world, '3');
    const second = await world.host({ hosting: telling, instance: 'b', hinted: false });
    first.hint.name();
    second.hint.name(0);
    await world.clock.advance(2_000);
    expect(told(world)).toEqual(['2=1', '3=2', '4=3']);
  });

  it('make no commit of their own', async () => {
    const { world } = await owned();
    await commit(world, '1');
    await world.clock.advance(10 * 60_000);
    expect(world.commits()).toHaveLength(1);
  });

  it('that lag behind let no more be decided', async () => {
    const { world } = await owned((world) => ({
      log: {
        append: world.log.append.bind(world.log),
        publish: () => Promise.reject(new Error('away')),
        follow: world.log.follow.bind(world.log),
        read: world.log.read.bind(world.log),
        bounds: world.log.bounds.bind(world.log),
      },
      groupInputsMax: 1,
    }));
    for (let index = 0; index < 1_100; index += 1) world.send(`${index}`, add('a'));
    await world.clock.advance(60_000);
    expect(world.commits()).toHaveLength(1_000);
  });
});
