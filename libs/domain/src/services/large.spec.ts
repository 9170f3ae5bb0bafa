import type { DecisionContext } from '@orrery/kernel';
import { countIn, type LaunchId, type PlacementRequest, type ServicesEvent } from '@orrery/contracts';
import { services } from './decide.js';
import {
  apply,
  dataOf,
  ended,
  goOn,
  hello,
  idsOf,
  launchesIn,
  named,
  placed,
  running,
  scale,
  tick,
  unreachable,
  webs,
} from './examples.js';
import type { ServicesInput } from './input.js';
import { servicesViolations } from './invariants.js';
import { STEPS_PER_DECISION_MAX } from './progress.js';
import { podCounts } from './views.js';

const DECISION_CHARACTERS_MAX = 256 * 1024;
/** Before, nothing is due but what a pod has to do. */
const STEP_DEADLINE_MS = 600_000;

/** An owner that decides and folds, and holds every decision to its limit. */
function newOwner() {
  const state = services.initialState();
  for (const event of named(2000)) services.evolve(state, event);
  let seq = 0;
  const decide = (input: ServicesInput): readonly ServicesEvent[] => {
    seq += 1;
    let ordinal = 0;
    const context: DecisionContext = {
      at: seq,
      seq,
      seed: 1,
      nextId: () => `${seq}.${ordinal++}`,
      nextIds: (count) => (ordinal += count) - count,
    };
    const decision = services.decide(input, state, context);
    if (!decision.accepted) throw new Error(decision.refusal.message);
    expect(JSON.stringify(decision.events).length).toBeLessThan(DECISION_CHARACTERS_MAX);
    for (const event of decision.events) services.evolve(state, event);
    return decision.events;
  };
  const goOnWhileDue = (): ServicesEvent[] => {
    const events: ServicesEvent[] = [];
    while (services.continues!(state)) events.push(...decide(goOn));
    while ((services.nextDeadline!(state) ?? STEP_DEADLINE_MS) < STEP_DEADLINE_MS) events.push(...decide(tick));
    return events;
  };
  return { state, decide, goOnWhileDue };
}

describe('a large service', () => {
  it('goes on in slices, with other inputs between, until all of it is asked for', () => {
    const { state, decide, goOnWhileDue } = newOwner();
    const first = decide(apply(webs(20_000)));
    expect(dataOf(first, 'PlacementRequested')[0]!.indexes).toEqual([[0, STEPS_PER_DECISION_MAX - 1]]);
    expect(services.continues!(state)).toBe(true);
    const between = decide(apply({ ...webs(2), name: 'other' }));
    expect(dataOf(between, 'PlacementRequested')).toHaveLength(1);
    const rest = goOnWhileDue();
    const asked = [first, rest].flatMap((events) => dataOf(events, 'PlacementRequested'));
    expect(asked.map(({ indexes }) => indexes[0]![0])).toEqual(
      Array.from({ length: Math.ceil(20_000 / STEPS_PER_DECISION_MAX) }, (_, slice) => slice * STEPS_PER_DECISION_MAX),
    );
    expect(servicesViolations(state)).toEqual([]);
  });

  it('comes up and goes down again within the limits of a decision', () => {
    const { state, decide, goOnWhileDue } = newOwner();
    const asked = [...decide(apply(webs(6000))), ...goOnWhileDue()];
    for (const request of dataOf(asked, 'PlacementRequested')) {
      const launched = [...decide(placed(request, (index) => `a${1 + Math.floor(index / 12)}`)), ...goOnWhileDue()];
      decide(running(launchesIn(launched)));
    }
    expect(podCounts(state, 'hello')).toMatchObject({ web: { pods: 6000, up: 6000 } });
    const down = [...decide(scale(10)), ...goOnWhileDue()];
    const killed = dataOf(down, 'KillOrdered').flatMap(({ launches }) => idsOf<LaunchId>(launches));
    expect(killed).toHaveLength(5990);
    for (let at = 0; at < killed.length; at += 1000) decide(ended(killed.slice(at, at + 1000), 'KILLED'));
    goOnWhileDue();
    expect(podCounts(state, 'hello')).toMatchObject({ web: { pods: 10, up: 10 } });
    expect(state.tallies.get('hello/web')).toMatchObject({ slots: 10 });
    expect(state.services.get('hello')).toMatchObject({ settled: true });
    expect(servicesViolations(state)).toEqual([]);
  });

  it('loses sight of a machine with very many pods in slices', () => {
    const { state, decide, goOnWhileDue } = newOwner();
    const asked = [...decide(apply(webs(2500))), ...goOnWhileDue()];
    for (const request of dataOf(asked, 'PlacementRequested')) {
      decide(placed(request, () => 'a1'));
      goOnWhileDue();
    }
    const lost = [...decide(unreachable('a1')), ...goOnWhileDue()];
    expect(dataOf(lost, 'AgentNoted').map(({ more }) => more ?? false)).toEqual([true, true, false]);
    expect(dataOf(lost, 'ReplaceStarted').reduce((sum, { indexes }) => sum + countIn(indexes), 0)).toBe(2500);
    expect(state.leaving.size).toBe(2500);
    expect(servicesViolations(state)).toEqual([]);
  });

  it('keeps places that it can not launch on in one piece, and launches on them next', () => {
    const { state, decide, goOnWhileDue } = newOwner();
    const volumes = { a: { path: 'a', size: 1 }, b: { path: 'b', size: 1 }, c: { path: 'c', size: 1 } };
    const node = { count: 600, volumes, tasks: { server: { cmd: 'run' } } };
    const plans = { deploy: { phases: { node: { pod: 'node', strategy: 'parallel' as const } } } };
    const asked = decide(apply(hello({ pods: { node }, plans })));
    const [request] = dataOf(asked, 'PlacementRequested') as [PlacementRequest];
    const first = decide(placed(request, (index) => `a${index + 1}`));
    expect(first.map(({ type }) => type)).toEqual(['GrantsTaken']);
    expect(launchesIn(goOnWhileDue())).toHaveLength(600);
    expect(servicesViolations(state)).toEqual([]);
  });

  it('keeps places of pods of many tasks that are alike, and launches on them a run at a time', () => {
    const { state, decide, goOnWhileDue } = newOwner();
    const tasks = Object.fromEntries(
      Array.from({ length: 6 }, (_, at) => [`t${at}`, { cmd: 'run', ports: { http: {} } }]),
    );
    const [request] = dataOf(decide(apply(hello({ pods: { web: { count: 2000, tasks } } }))), 'PlacementRequested');
    const taken = decide(placed(request!, (index) => `a${index + 1}`));
    expect(taken.map(({ type }) => type)).toEqual(['GrantsTaken']);
    expect(state.pods.size).toBe(0);
    const sets = dataOf(goOnWhileDue(), 'LaunchOrdered');
    expect(sets.map(({ task, indexes }) => [task, indexes[0]![0]])).toEqual(
      [0, 1024].flatMap((first) => Object.keys(tasks).map((task) => [task, first])),
    );
    expect(servicesViolations(state)).toEqual([]);
    for (const { launches } of sets) decide(running(idsOf<LaunchId>(launches)));
    goOnWhileDue();
    expect(podCounts(state, 'hello')).toMatchObject({ web: { pods: 2000, up: 2000 } });
    expect(state.services.get('hello')).toMatchObject({ settled: true });
  });
});
