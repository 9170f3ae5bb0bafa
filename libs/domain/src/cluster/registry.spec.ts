import { UndoLog, partsOf, slicesOf, type DomainState } from '@orrery/kernel';
import { cluster } from './decide.js';
import { accepted, ada, event, joined, launches, templateKept } from './examples.js';
import { initialState, type ClusterState } from './state.js';

const AGENTS = [0, 1, 2, 40];

/** What columns by number say of agents. */
const told = ({ agents, counters }: ClusterState) =>
  AGENTS.map((number) => [
    agents.epochOf(number),
    [0, 1, 2].map((epoch) => agents.takesLaunches(number, epoch)),
    [counters.ordered(number), counters.reported(number), counters.live(number)],
  ]);

function folded(...events: Parameters<typeof cluster.evolve>[1][]): ClusterState {
  const state = initialState();
  for (const each of [...joined, templateKept, ...events]) cluster.evolve(state, each);
  return state;
}

const changes = [
  accepted(launches(3)),
  event('ReportsNoted', { reports: [[1, 1, 4]] }),
  event('AgentUnreachable', { agent: ada, epoch: 1, at: 1 }),
];

describe('what columns say of agents', () => {
  it('follows what happens to them', () => {
    const state = folded(...changes.slice(0, 2));
    expect(state.agents.takesLaunches(1, 1)).toBe(true);
    expect([state.counters.ordered(1), state.counters.reported(1), state.counters.live(1)]).toEqual([2, 4, 3]);
    cluster.evolve(state, changes[2]!);
    expect(state.agents.takesLaunches(1, 1)).toBe(false);
    expect(state.agents.epochOf(1)).toBe(1);
  });

  it('is nothing of an agent that never joined, whatever the epoch', () => {
    const state = folded();
    for (const number of [0, 40]) {
      expect(state.agents.epochOf(number)).toBe(-1);
      expect([0, 1].some((epoch) => state.agents.takesLaunches(number, epoch))).toBe(false);
    }
    cluster.evolve(state, event('ReportsNoted', { reports: [[40, 0, 7]] }));
    expect(state.counters.reported(40)).toBe(0);
  });

  it('is as before when what happened is rolled back, and the same from a snapshot', () => {
    const state = folded();
    const before = told(state);
    const undo = new UndoLog();
    for (const part of partsOf(state as unknown as DomainState)) part.recordTo(undo);
    for (const each of changes) cluster.evolve(state, each);
    const after = told(state);
    expect(after).not.toEqual(before);
    const loaded = initialState();
    for (const { part, slice } of slicesOf(state as unknown as DomainState)) {
      loaded[part as keyof ClusterState].load(slice);
    }
    expect(told(loaded)).toEqual(after);
    undo.rollBackTo(0);
    expect(told(state)).toEqual(before);
  });
});
