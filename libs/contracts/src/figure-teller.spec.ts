import fc from 'fast-check';
import { figureNames, figuresIn, noFigures, type AgentMetrics, type TaskFigures } from './agent-metrics.js';
import {
  FigureTeller,
  isNoticeable,
  WHOLE_EVERY_ROUNDS,
  type MeasuredTask,
  type ToldFigures,
} from './figure-teller.js';
import type { AgentId, LaunchId } from './ids.js';
import { idsIn } from './sets.js';

/** What a reader of the messages knows. */
class Reader {
  readonly known = new Map<LaunchId, MeasuredTask>();

  take(told: ToldFigures): void {
    const message = { agent: 'a' as AgentId, session: 's', round: 1, at: 0, ...told } as AgentMetrics;
    const sent = JSON.parse(JSON.stringify(message)) as AgentMetrics;
    if (sent.whole) this.known.clear();
    for (const launch of idsIn<LaunchId>(sent.gone)) this.known.delete(launch);
    for (const { launch, service, figures } of figuresIn(sent)) this.known.set(launch, { service: service!, figures });
  }
}

const figuresArbitrary = fc.record(
  Object.fromEntries(figureNames.map((name) => [name, fc.integer({ min: -1, max: 5000 })])),
) as fc.Arbitrary<TaskFigures>;
const launchArbitrary = fc
  .tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 0, max: 12 }))
  .map(([seq, ordinal]) => `${seq}.${ordinal}` as LaunchId);
const roundArbitrary = fc
  .array(fc.tuple(launchArbitrary, fc.record({ service: fc.constantFrom('web', 'db'), figures: figuresArbitrary })), {
    maxLength: 20,
  })
  .map((entries) => new Map(entries));

describe('the figures of an agent', () => {
  it('are known to a reader as they were measured, up to what is not worth telling', () => {
    fc.assert(
      fc.property(fc.array(roundArbitrary, { minLength: 1, maxLength: 30 }), (rounds) => {
        const teller = new FigureTeller();
        const reader = new Reader();
        for (const measured of rounds) {
          teller.tell(measured).forEach((told) => reader.take(told));
          expect([...reader.known.keys()].sort()).toEqual([...measured.keys()].sort());
          for (const [launch, { figures }] of measured) {
            const known = reader.known.get(launch)!.figures;
            for (const name of figureNames) expect(isNoticeable(name, known[name], figures[name])).toBe(false);
          }
        }
      }),
    );
  });

  it('are exact in a round that tells everything', () => {
    fc.assert(
      fc.property(roundArbitrary, (measured) => {
        const reader = new Reader();
        new FigureTeller().tell(measured).forEach((told) => reader.take(told));
        expect(reader.known).toEqual(measured);
      }),
    );
  });

  it('go out whole at first and once a minute, and not at all while nothing changes', () => {
    const teller = new FigureTeller();
    const still = new Map([['7.1' as LaunchId, { service: 'web', figures: { ...noFigures, cpusMilli: 100 } }]]);
    const sent = Array.from({ length: WHOLE_EVERY_ROUNDS + 1 }, () => teller.tell(still).length);
    expect(sent).toEqual([1, ...Array.from({ length: WHOLE_EVERY_ROUNDS - 1 }, () => 0), 1]);
  });

  it('come in parts when there are very many, and only the first forgets what was before', () => {
    const many = Array.from({ length: 12_000 }, (_, ordinal) => [
      `9.${ordinal}` as LaunchId,
      { service: 'batch', figures: { ...noFigures, memoryMib: ordinal % 7 } },
    ]) as [LaunchId, MeasuredTask][];
    const parts = new FigureTeller().tell(new Map(many));
    expect(parts.map(({ whole }) => whole)).toEqual([true, false, false]);
    const reader = new Reader();
    parts.forEach((told) => reader.take(told));
    expect(reader.known).toEqual(new Map(many));
  });
});
