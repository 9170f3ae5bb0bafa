import { commandTopic } from '@orrery/contracts';
import { SeededRandom, toyHosting, ToyWorld, type ToyHosting } from '@orrery/testing';
import { redecideJournal } from './index.js';

const reading: ToyHosting = { ...toyHosting, domain: 'allocation', foreign: (cell) => [{ domain: 'services', cell }] };

/** Commands, refusals, repeats, ticks, continued work, and a neighbour that reads in parts. */
async function lived() {
  const world = new ToyWorld();
  await world.provision('services');
  await world.provision('allocation');
  await world.host({ instance: 's' });
  await world.host({ instance: 'a', hosting: reading, groupInputsMax: 3 });
  world.send('1', { type: 'Add', counter: 'a', amount: 9 });
  for (let index = 2; index < 12; index += 1)
    world.send(`${index}`, { type: 'Send', counter: 'a', amount: 1, to: 'b' });
  world.send('5', { type: 'Send', counter: 'a', amount: 1, to: 'b' });
  world.send('timer', { type: 'Schedule', counter: 'c', dueMs: world.clock.nowMs() + 5_000 });
  world.send('count', { type: 'Count', counter: 'd', times: 10 });
  await world.clock.advance(60_000);
  return world;
}
interface Told {
  readonly counter: string;
  readonly amount: number;
  readonly sender?: string;
}

const redecide = (world: ToyWorld, hosting: ToyHosting) => world.clock.advanceWhile(redecideJournal(hosting, 0, world));

describe('deciding a journal again', () => {
  it('gives the same events from what the commits recorded', async () => {
    const world = await lived();
    const services = await redecide(world, toyHosting);
    expect(services).toMatchObject({ commits: world.commits().length, differences: [] });
    expect(services.events).toBeGreaterThan(20);
    const allocation = await redecide(world, reading);
    expect(allocation.differences).toEqual([]);
    expect(allocation.commits).toBeGreaterThan(3);
  });

  it('judges reports together as they were, whenever they came and whatever they told', async () => {
    const world = new ToyWorld();
    await world.provision('services');
    const lanes = [0, 1].map((partition) => ({ topic: 'reports', partition }));
    const told = {
      ...toyHosting,
      reports: () => lanes,
      decodeReport: (body: unknown) => ({ ok: true, report: body as Told }),
      gathering: { senderOf: ({ sender }: Told) => sender, sizeOf: () => 1, sizeMax: 5 },
    } as unknown as ToyHosting;
    await world.host({ instance: 's', hosting: told, groupInputsMax: 40 });
    const random = new SeededRandom(4);
    for (let sent = 0; sent < 600; sent += 1) {
      const sender = random.chance(0.1) ? undefined : `sender-${random.below(50)}`;
      // Some add nothing, and leave no more than their place in the partition.
      const body = { counter: `c${random.below(3)}`, amount: random.chance(0.4) ? 0 : 1, sender };
      void world.log.append(lanes[random.below(2)]!, { value: Buffer.from(JSON.stringify(body)) });
      if (random.chance(0.3)) await world.clock.advance(random.below(3));
    }
    await world.clock.advance(60_000);
    const together = world.commits().flatMap(({ events }) => events.filter(({ cause }) => 'last' in cause));
    expect(together.length).toBeGreaterThan(20);
    expect((await redecide(world, told)).differences).toEqual([]);
  });

  it('names the first event of each commit that would be another one now', async () => {
    const world = await lived();
    const generous: ToyHosting = {
      ...toyHosting,
      decider: {
        ...toyHosting.decider,
        decide: (input, state, context) => {
          const decision = toyHosting.decider.decide(input, state, context);
          if (!decision.accepted || input.kind !== 'internal' || input.internal.type !== 'tick') return decision;
          return { accepted: true, events: [...decision.events, ...decision.events] };
        },
      },
    };
    const { differences } = await redecide(world, generous);
    expect(differences).toHaveLength(1);
    expect(differences[0]!.what).toContain('event 1 was undefined, is now {"type":"Fired"');
  });

  it('says when the inputs are not those that were decided on', async () => {
    const world = await lived();
    const source = { topic: commandTopic('services'), partition: 0 };
    const messages = world.log.messagesOf(source);
    world.log.recreate(source);
    messages.forEach(({ headers, value }, index) =>
      world.sendRaw({ headers, value: index === 3 ? Buffer.from('{}') : value! }),
    );
    await world.clock.advance(10);
    const { differences } = await redecide(world, toyHosting);
    expect(differences[0]!.what).toContain('holds other values');
  });
});
