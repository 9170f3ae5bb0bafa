import { idRunsOf, MembersBuilder, type ClusterEvent } from '@orrery/contracts';
import { cluster, taskViewOf, tasksInOrder, type ClusterState, type TaskState } from '@orrery/domain';
import { array, assert, constantFrom, integer, property, record } from 'fast-check';
import { TaskStates } from './task-states.js';

const AGENTS = 3;
const states: readonly TaskState[] = [
  ...(['STAGING', 'STARTING', 'RUNNING', 'KILLING', 'UNREACHABLE', 'LOST', 'FAILED', 'FINISHED', 'KILLED'] as const),
];

const happening = record({
  kind: constantFrom('launch', 'running', 'starting', 'failed', 'kill', 'lose', 'return', 'gone'),
  service: constantFrom('ape', 'bee'),
  first: integer({ min: 0, max: 300 }),
  count: integer({ min: 1, max: 150 }),
  agent: integer({ min: 1, max: AGENTS }),
});

/** A cluster that lived through these things; launch ids are `happening.member`. */
function livedThrough(happenings: readonly Parameters<typeof eventOf>[1][]): {
  state: ClusterState;
  found: TaskStates;
} {
  const state = cluster.initialState();
  const found = new TaskStates(state);
  for (let number = 1; number <= AGENTS; number += 1) cluster.evolve(state, registered(number));
  for (const [seq, each] of happenings.entries()) {
    const event = eventOf(seq + 1, each);
    if (event !== undefined) cluster.evolve(state, event);
  }
  return { state, found };
}

function registered(number: number): ClusterEvent {
  return {
    type: 'AgentRegistered',
    data: {
      ...{ agent: `a${number}` as never, number, epoch: 1, session: 's', hostname: 'h', address: '1', attributes: {} },
      capacity: { cpusMilli: 1, memoryMib: 1, diskMib: 1, gpuIds: [], ports: [] },
      faultDomain: { region: 'r', zone: 'z' },
    },
  };
}

function eventOf(
  seq: number,
  happened: { kind: string; service: string; first: number; count: number; agent: number },
): ClusterEvent | undefined {
  const { kind, service, first, count, agent } = happened;
  const head = { agent: `a${agent}` as never, epoch: 1 };
  // Some launch of before: each has as many members as it had.
  const launches = idRunsOf(Array.from({ length: count }, (_, member) => `${1 + (first % seq)}.${member}`));
  switch (kind) {
    case 'launch': {
      const members = new MembersBuilder();
      for (let index = first; index < first + count; index += 1) {
        const on = index % 2 === 0 ? agent : (agent % AGENTS) + 1;
        members.add({ index, agent: count > 20 ? agent : on, epoch: 1, ports: {}, gpuIds: [], volumes: [] });
      }
      const ids = idRunsOf(Array.from({ length: count }, (_, member) => `${seq}.${member}`));
      const set = { service: service as never, generation: 1, version: 1, pod: 'web', task: 't', templateDigest: 'd' };
      return {
        type: 'LaunchAccepted',
        data: { ...set, incarnation: seq, ...members.members, launches: ids, grants: ids, at: 0 },
      };
    }
    case 'running':
      return {
        type: 'TasksRunning',
        data: { ...head, m: seq, launches, sinceFrom: 0, since: [1], pids: [1], ready: true },
      };
    case 'starting':
      return { type: 'TasksStarting', data: { ...head, m: seq, launches } };
    case 'failed':
      return {
        type: 'TasksEnded',
        data: { ...head, m: seq, ends: [{ launches, state: 'FAILED', reason: 'exit-code' }] },
      };
    case 'kill':
      return { type: 'KillAccepted', data: { launches } };
    case 'lose':
      return { type: 'AgentUnreachable', data: { ...head, at: 0 } };
    case 'return':
      return { type: 'AgentReturned', data: head };
    default:
      return agent === AGENTS ? { type: 'AgentGone', data: head } : undefined;
  }
}

describe('tasks by their state', () => {
  it('are those that a look at every task would find, from any key on', () => {
    assert(
      property(array(happening, { maxLength: 25 }), integer({ min: 0, max: 60 }), (happenings, skipped) => {
        const { state, found } = livedThrough(happenings);
        for (const service of [undefined, 'bee']) {
          const all = [...tasksInOrder(state, { service })];
          const after = all[skipped]?.[0];
          for (const wanted of states) {
            const expected = all.filter(([key]) => after === undefined || key > after);
            const keys = expected.filter(([, row]) => taskViewOf(state, row).state === wanted).map(([key]) => key);
            const told = [...found.tasks(wanted, service, after)].map(([key]) => key);
            expect([wanted, told.filter((key) => after === undefined || key > after)]).toEqual([wanted, keys]);
          }
        }
      }),
      { numRuns: 200 },
    );
  });
});
