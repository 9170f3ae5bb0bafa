import { slicesOf } from '@orrery/kernel';
import { commandMessage, toyHosting, ToyWorld, type ToyCommand } from '@orrery/testing';
import fc from 'fast-check';
import { judge, ShardFold, startOf, type LogMessage } from '../index.js';
import { Group } from './group.js';

const AT = Date.UTC(2026, 0, 1);
const source = { topic: 'orrery.services.commands', partition: 0 };
const position = { ...startOf('j'), seq: 1, term: 1, writer: 'w', hash: 'h', at: AT };

const counter = fc.constantFrom('a', 'b', 'c');
const command: fc.Arbitrary<ToyCommand> = fc.oneof(
  fc.record({ type: fc.constant('Add' as const), counter, amount: fc.nat(9) }),
  fc.record({ type: fc.constant('Send' as const), counter, amount: fc.nat(9), to: counter }),
  fc.record({ type: fc.constant('Schedule' as const), counter, dueMs: fc.nat(9) }),
  fc.record({ type: fc.constant('Count' as const), counter, times: fc.nat(9) }),
);
/** A few ids only, so that repeats and reused ids are among them; now and then no command at all. */
const message = fc.oneof(
  { weight: 9, arbitrary: fc.record({ id: fc.nat(15).map(String), command }) },
  { weight: 1, arbitrary: fc.constant(undefined) },
);
type Sent = { readonly id: string; readonly command: ToyCommand } | undefined;

const logMessage = (sent: Sent, offset: number): LogMessage => {
  const { headers = {}, value } =
    sent === undefined ? { value: Buffer.from('garbage') } : commandMessage(sent.id, sent.command, { nowMs: AT });
  return { offset, timestampMs: AT, key: null, headers, value };
};

function decide(fold: ShardFold<never, never>, sent: readonly Sent[], from: number): string[] {
  const group = new Group({
    hosting: toyHosting as never,
    cell: 0,
    fold,
    accepted: position,
    onRefusedFact: () => undefined,
  });
  group.at = AT;
  sent.forEach((each, index) => group.decideCommand(source, logMessage(each, from + index)));
  const { events } = JSON.parse(Buffer.from(group.seal(0).value).toString()) as { events: unknown[] };
  return events.map((event) => JSON.stringify(event));
}

describe('a group', () => {
  it('that is rolled back leaves the digest as if it had never been tried, and decides the same again', () => {
    fc.assert(
      fc.property(fc.array(message), fc.array(message), (kept, tried) => {
        const fold = new ShardFold<never, never>(toyHosting.decider as never);
        fold.speculate(true);
        decide(fold, kept, 0);
        fold.undo.forget();
        const before = fold.digest(position);
        const events = decide(fold, tried, kept.length);
        const after = fold.digest(position);
        fold.rollBack();
        expect(fold.digest(position)).toBe(before);
        expect(decide(fold, tried, kept.length)).toEqual(events);
        expect(fold.digest(position)).toBe(after);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a journal', () => {
  it('folds to the same bytes from zero and from any snapshot and the rest', async () => {
    const world = new ToyWorld();
    await world.provision();
    await world.host();
    const commands = fc.sample(command, { numRuns: 40, seed: 7 });
    for (const [index, each] of commands.entries()) {
      world.send(`${index % 30}`, each);
      await world.clock.advance(20);
    }
    const records = world.records();
    const whole = new ShardFold<never, never>(toyHosting.decider as never);
    const cursors = cursorsOf(world);
    const states = records.map((record, at) => {
      whole.fold(record, cursors[at]!);
      const parts = Object.fromEntries(whole.parts.map((part) => [part.name, part]));
      return [...slicesOf(parts)].map(({ part, slice }) => ({ part, slice: slice.slice() }));
    });
    const last = cursors.at(-1)!;
    for (const [split, slices] of states.entries()) {
      const loaded = new ShardFold<never, never>(toyHosting.decider as never);
      for (const { part, slice } of slices) loaded.parts.find(({ name }) => name === part)!.load(slice);
      for (const [at, record] of records.entries()) if (at > split) loaded.fold(record, cursors[at]!);
      expect(loaded.digest(last)).toBe(whole.digest(last));
    }
  });
});

function cursorsOf(world: ToyWorld) {
  const registration = world.registry.registered('services', 0)!;
  let cursor = startOf(registration.journalId);
  return world.log.messagesOf({ topic: 'orrery.services.journal', partition: 0 }).map((message) => {
    const verdict = judge(cursor, message, registration);
    if (verdict.kind === 'stop') throw new Error(verdict.message);
    return (cursor = verdict.cursor);
  });
}
