import {
  type AgentId,
  type AllocationEvent,
  type PlacementRequest,
  type RequestId,
  type RoleName,
  type ServiceName,
  agentRunsIn,
} from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { allocation } from './decide.js';
import { foreign } from './examples.js';

const opened = (agent: string, gpuIds: string[]): AllocationEvent => ({
  type: 'AgentOpened',
  data: {
    ...{ agent: agent as AgentId, number: agent.charCodeAt(0) - 96, epoch: 1, hostname: agent, attributes: {} },
    capacity: { cpusMilli: 2000, memoryMib: 4000, diskMib: 0, gpuIds, ports: [] },
    faultDomain: { region: 'eu', zone: 'a' },
  },
});
const asked = (gpus: number, more: Partial<PlacementRequest> = {}) =>
  foreign({
    type: 'PlacementRequested',
    data: {
      ...{
        request: 'w.1' as RequestId,
        service: 'web' as ServiceName,
        generation: 7,
        role: 'eng' as RoleName,
        pod: 'p',
      },
      needs: { cpusMilli: 1000, memoryMib: 0, diskMib: 0, gpus, ports: [], volumes: [] },
      ...{ indexes: [[0, 2]], constraints: [], policy: 'spread', attempt: 1, avoid: [], replaces: [] },
      ...more,
    },
  });
const agentsIn = (events: readonly AllocationEvent[]) =>
  events.flatMap((event) =>
    event.type === 'Placed' ? Array.from(agentRunsIn(event.data.agents), ([agent, , count]) => [agent, count]) : [],
  );

describe('agents with gpus', () => {
  const mixed = specificationOf(allocation).given(opened('a', []), opened('b', ['g0', 'g1']));

  it('are kept for pods that ask for some', () => {
    mixed.when(asked(0)).thenEvents((events) => {
      expect(agentsIn(events)).toEqual([[1, 2]]);
      const pending = events.find((event) => event.type === 'PlacementPending');
      expect(pending!.data.reasons.examples).toContainEqual({
        ...{ agent: 'b', hostname: 'b', filter: '@gpus IS 0', message: '@gpus is 2, not 0' },
      });
    });
    mixed.when(asked(1)).thenEvents((events) => expect(agentsIn(events)).toEqual([[2, 2]]));
  });

  it('take others where their constraints say so', () => {
    mixed.when(asked(0, { constraints: [{ field: '@gpus', operator: 'LIKE', value: '.*' }] })).thenEvents((events) =>
      expect(agentsIn(events)).toEqual([
        [1, 2],
        [2, 1],
      ]),
    );
  });

  it('take everything while there are no other agents', () => {
    specificationOf(allocation)
      .given(opened('b', ['g0']))
      .when(asked(0))
      .thenEvents((events) => expect(agentsIn(events)).toEqual([[2, 2]]));
    mixed
      .when(asked(0))
      .when(foreign({ type: 'AgentUnreachable', data: { agent: 'a' as AgentId, epoch: 1, at: 0 } }))
      .when({ kind: 'internal', internal: { type: 'continue' } })
      .thenEvents((events) => expect(agentsIn(events)).toEqual([[2, 1]]));
  });

  it('take everything once the last other agent has come back with gpus', () => {
    const { capacity, ...facts } = opened('a', ['g5']).data as Extract<
      AllocationEvent,
      { type: 'AgentOpened' }
    >['data'];
    mixed
      .when(asked(0))
      .when(
        foreign({
          type: 'AgentRegistered',
          data: { ...facts, capacity: { ...capacity, cpusMilli: 0 }, epoch: 2, session: 's', address: '::1' },
        }),
      )
      .when({ kind: 'internal', internal: { type: 'continue' } })
      .thenEvents((events) => expect(agentsIn(events)).toEqual([[2, 1]]));
  });
});
