import {
  idRunsOf,
  idsIn,
  membersIn,
  MembersBuilder,
  type AgentId,
  type AllocationEvent,
  type AllocationEventOf,
  type ClusterEvent,
  type GrantId,
  type Member,
  type PlacementRequest,
  type RequestId,
  type RoleName,
  type ServiceName,
  type ServicesEvent,
  agentRunsIn,
} from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { allocation } from './decide.js';
import { goOn, order } from './examples.js';
import type { AllocationInput } from './input.js';
import {
  explainPending,
  grantOf,
  grantsOnAgent,
  predictPlacement,
  rolesInUse,
  usedByRole,
  usedOnAgent,
  waitingRequests,
} from './views.js';

const facts = {
  hostname: 'one.example',
  capacity: { cpusMilli: 4000, memoryMib: 4096, diskMib: 10_000, gpuIds: [], ports: [[31_000, 31_009]] },
  attributes: {},
  faultDomain: { region: 'eu', zone: 'a' },
} satisfies Partial<Extract<AllocationEvent, { type: 'AgentOpened' }>['data']>;
type Facts = Partial<Extract<AllocationEvent, { type: 'AgentOpened' }>['data']>;

const a = 'a' as AgentId;
const b = 'b' as AgentId;

/** Agents are numbered by their letters: a is 1. */
const numberOf = (agent: string) => agent.charCodeAt(0) - 96;
const opened = (agent: AgentId, more: Facts = {}): AllocationEvent => ({
  type: 'AgentOpened',
  data: { agent, number: numberOf(agent), epoch: 1, ...facts, hostname: `${agent}.example`, ...more },
});
const registered = (agent: AgentId, more: Facts = {}): AllocationInput =>
  ofCluster({
    type: 'AgentRegistered',
    data: { agent, number: numberOf(agent), epoch: 1, session: 's', address: '::1', ...facts, ...more },
  });
const closed = (agent: AgentId, reason: 'unreachable' | 'draining' | 'gone', draining?: true): AllocationEvent => ({
  type: 'AgentClosed',
  data: { agent, reason, ...(draining === undefined ? {} : { draining }) },
});
const queued = (request: PlacementRequest): AllocationEvent => ({ type: 'RequestQueued', data: request });
const released = (...grants: string[]): AllocationEvent => ({
  type: 'GrantReleased',
  data: { grants: idRunsOf(grants) },
});
const superseded = (...grants: string[]): AllocationEvent => ({
  type: 'GrantSuperseded',
  data: { grants: idRunsOf(grants) },
});

const ofCluster = (event: ClusterEvent): AllocationInput => foreign('cluster', event);
const ofServices = (event: ServicesEvent): AllocationInput => foreign('services', event);
const foreign = (domain: string, event: ClusterEvent | ServicesEvent | AllocationEvent): AllocationInput => ({
  kind: 'foreign',
  domain,
  journalId: `${domain}-journal`,
  seq: 1,
  event,
});

const service = { service: 'web' as ServiceName, generation: 7 };
const request = (more: Partial<PlacementRequest> = {}): PlacementRequest => ({
  request: 'r.1' as RequestId,
  ...service,
  role: 'eng' as RoleName,
  pod: 'node',
  indexes: [[0, 0]],
  needs: { cpusMilli: 1000, memoryMib: 1000, diskMib: 0, gpus: 0, ports: [], volumes: [] },
  constraints: [],
  policy: 'pack',
  attempt: 1,
  avoid: [],
  replaces: [],
  ...more,
});
const needing = (more: Partial<PlacementRequest['needs']>) => ({ ...request().needs, ...more });
const asked = (wish: PlacementRequest) => ofServices({ type: 'PlacementRequested', data: wish });
const returned = (grants: string[], destroyVolumes?: true) =>
  ofServices({
    type: 'GrantReturned',
    data: { ...service, grants: idRunsOf(grants), ...(destroyVolumes === undefined ? {} : { destroyVolumes }) },
  });
/** Grants whose ids follow the first; on agent 1 unless said otherwise. */
const placed = (wish: PlacementRequest, first: string, ...members: Partial<Member>[]): AllocationEvent => {
  const builder = new MembersBuilder();
  const place = { index: 0, agent: 1, epoch: 1, ports: {}, gpuIds: [], volumes: [] };
  for (const member of members) builder.add({ ...place, ...member });
  const { request: id, service: name, generation, role, pod, needs } = wish;
  const [seq, ordinal] = first.split('.').map(Number) as [number, number];
  const grants = [[seq, ordinal, ordinal + members.length - 1]];
  return {
    type: 'Placed',
    data: { request: id, service: name, generation, role, pod, needs, grants, ...builder.members },
  };
};
const placements = (events: readonly AllocationEvent[]) =>
  events.flatMap((event) => (event.type === 'Placed' ? [event.data] : []));
const agentsOf = (events: readonly AllocationEvent[]) =>
  placements(events).flatMap((data) => [...membersIn(data)].map(({ agent }) => String.fromCharCode(96 + agent)));
const typesOf = (events: readonly AllocationEvent[]) => events.map(({ type }) => type);

const ledger = specificationOf(allocation);
const held = [queued(request()), placed(request(), '1.0', {})];

describe('an agent', () => {
  it('opens with what it declares when it registers (row 18)', () => {
    ledger.when(registered(a)).then(opened(a, { hostname: 'one.example' }));
  });

  it('closes when it is unreachable, draining or gone (row 12)', () => {
    const open = ledger.given(opened(a));
    open
      .when(ofCluster({ type: 'AgentUnreachable', data: { agent: a, epoch: 1, at: 0 } }))
      .then(closed(a, 'unreachable'))
      .when(ofCluster({ type: 'AgentReturned', data: { agent: a, epoch: 1 } }))
      .then(opened(a));
    open
      .when(ofCluster({ type: 'AgentDraining', data: { agent: a, epoch: 1, deadline: 1 } }))
      .then(closed(a, 'draining'))
      .when(ofCluster({ type: 'AgentActivated', data: { agent: a, epoch: 1 } }))
      .then(opened(a));
    open.when(ofCluster({ type: 'AgentGone', data: { agent: a, epoch: 1 } })).then(closed(a, 'gone'));
  });

  it('stays closed when it comes back in the middle of a drain', () => {
    ledger
      .given(opened(a), closed(a, 'draining'))
      .when(ofCluster({ type: 'AgentUnreachable', data: { agent: a, epoch: 1, at: 0 } }))
      .then(closed(a, 'unreachable', true))
      .when(ofCluster({ type: 'AgentReturned', data: { agent: a, epoch: 1 } }))
      .then(closed(a, 'draining'));
    ledger
      .given(opened(a), closed(a, 'unreachable', true))
      .when(ofCluster({ type: 'AgentActivated', data: { agent: a, epoch: 1 } }))
      .then(closed(a, 'unreachable'))
      .when(ofCluster({ type: 'AgentReturned', data: { agent: a, epoch: 1 } }))
      .then(opened(a));
  });

  it('is passed over when it is unknown', () => {
    ledger.when(ofCluster({ type: 'AgentReturned', data: { agent: a, epoch: 1 } })).thenNothing();
    ledger.when(ofCluster({ type: 'AgentGone', data: { agent: a, epoch: 1 } })).thenNothing();
  });

  it('that comes back smaller than what it holds gets nothing new, and is no bug', () => {
    ledger
      .given(opened(a), ...held, opened(a, { epoch: 2, capacity: { ...facts.capacity, cpusMilli: 500 } }))
      .thenState((state) => expect(state.agents.fleet.free(1).cpusMilli).toBe(-500))
      .when(asked(request({ request: 'r.2' as RequestId, needs: needing({ cpusMilli: 1 }) })))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['RequestQueued', 'PlacementPending']))
      .when(returned(['1.0']))
      .when(goOn)
      .thenEvents((events) => expect(agentsOf(events)).toEqual(['a']));
  });
});

describe('a request', () => {
  it('is placed at once when nobody else waits (row 2)', () => {
    ledger
      .given(opened(a))
      .when(asked(request({ needs: needing({ ports: [{ name: 'web.http', port: 0 }] }) })), { seq: 9 })
      .then(
        queued(request({ needs: needing({ ports: [{ name: 'web.http', port: 0 }] }) })),
        placed(request({ needs: needing({ ports: [{ name: 'web.http', port: 0 }] }) }), '9.0', {
          ports: { 'web.http': 31_000 },
        }),
      )
      .thenState((state) => {
        expect(usedOnAgent(state, a)).toEqual({ cpusMilli: 1000, memoryMib: 1000, diskMib: 0, gpus: 0 });
        expect(usedByRole(state, 'eng' as RoleName)).toEqual({ cpusMilli: 1000, memoryMib: 1000, diskMib: 0, gpus: 0 });
        expect(state.requests.size).toBe(0);
        expect(allocation.continues!(state)).toBe(false);
      });
  });

  it('is placed as far as there is room, and the rest waits with reasons', () => {
    ledger
      .given(opened(a))
      .when(asked(request({ indexes: [[0, 5]] })))
      .thenEvents((events) => {
        expect(typesOf(events)).toEqual(['RequestQueued', 'Placed', 'PlacementPending']);
        expect(agentsOf(events)).toEqual(['a', 'a', 'a', 'a']);
        const pending = events[2] as Extract<AllocationEvent, { type: 'PlacementPending' }>;
        expect(pending.data.indexes).toEqual([[4, 5]]);
        expect(pending.data.reasons).toEqual({
          agents: 1,
          funnel: [
            { filter: 'open', rejected: 0, left: 1 },
            { filter: 'avoid', rejected: 0, left: 1 },
            { filter: 'cpus', rejected: 1, left: 0 },
            { filter: 'memory', rejected: 0, left: 0 },
          ],
          examples: [
            { agent: 'a', hostname: 'a.example', filter: 'cpus', message: 'needs 1 cpus, free 0 of 4: short by 1' },
          ],
          remedy: 'free 1 cpus on a.example, start an agent with 1 cpus free, or ask for less',
        });
      })
      .thenState((state) => expect(allocation.continues!(state)).toBe(false));
  });

  it('that waits is tried again when something opens, and only then', () => {
    ledger
      .when(asked(request()))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['RequestQueued', 'PlacementPending']))
      .thenState((state) => expect(allocation.continues!(state)).toBe(false))
      .when(foreign('allocation', opened(a)))
      .thenNothing()
      .when(registered(a))
      .thenState((state) => expect(allocation.continues!(state)).toBe(true))
      .when(goOn, { seq: 5 })
      .then(placed(request(), '5.0', {}))
      .thenState((state) => expect(allocation.continues!(state)).toBe(false))
      .when(goOn)
      .thenNothing();
  });

  it('that waits is tried again when a grant is released', () => {
    const second = request({ request: 'r.2' as RequestId, indexes: [[0, 3]] });
    ledger
      .given(opened(a), ...held)
      .when(asked(second))
      .thenEvents((events) => expect(agentsOf(events)).toEqual(['a', 'a', 'a']))
      .when(returned(['1.0']))
      .then(released('1.0'))
      .when(goOn)
      .thenEvents((events) => expect(agentsOf(events)).toEqual(['a']));
  });

  it('hears its reasons again only when other ones stand in the way', () => {
    const large = request({ needs: needing({ cpusMilli: 9000 }) });
    ledger
      .given(opened(a))
      .when(asked(large))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['RequestQueued', 'PlacementPending']))
      .when(registered(b))
      .when(goOn)
      .then({ type: 'RequestsTried', data: {} })
      .thenState((state) => expect(allocation.continues!(state)).toBe(false))
      .when(registered('c' as AgentId, { capacity: { ...facts.capacity, cpusMilli: 10_000, memoryMib: 10 } }))
      .when(goOn)
      .thenEvents((events) => expect(typesOf(events)).toEqual(['PlacementPending']))
      .thenState((state) => expect(allocation.continues!(state)).toBe(false));
  });

  it('is never placed on an agent that is closed or to be avoided (race 1)', () => {
    ledger
      .given(opened(a), closed(a, 'unreachable'), opened(b))
      .when(asked(request()))
      .thenEvents((events) => expect(agentsOf(events)).toEqual(['b']));
    ledger
      .given(opened(a), opened(b))
      .when(asked(request({ attempt: 2, avoid: [a] })))
      .thenEvents((events) => expect(agentsOf(events)).toEqual(['b']));
  });

  it('is served once an index, and asked for twice it is served once', () => {
    ledger
      .given(opened(a), queued(request({ indexes: [[0, 2]] })), placed(request(), '1.0', { index: 1 }))
      .when(asked(request({ indexes: [[0, 2]] })))
      .thenNothing()
      .when(goOn)
      .thenEvents((events) => {
        expect(placements(events).map(({ indexes }) => indexes)).toEqual([
          [
            [0, 0],
            [2, 2],
          ],
        ]);
      });
  });

  it('withdrawn before it is placed never is (race 2)', () => {
    const withdrawn = ofServices({
      type: 'PlacementWithdrawn',
      data: {
        ...service,
        pod: 'node',
        request: request().request,
        indexes: [
          [0, 1],
          [9, 9],
        ],
      },
    });
    ledger
      .given(queued(request({ indexes: [[0, 2]] })))
      .when(withdrawn)
      .then({ type: 'RequestDropped', data: { request: request().request, indexes: [[0, 1]] } })
      .thenState((state) => expect(state.requests.get(request().request)?.indexes).toEqual([[2, 2]]));
    ledger
      .given(opened(a), queued(request()), placed(request(), '1.0', {}))
      .when(withdrawn)
      .thenNothing();
  });

  it('queues behind those that can still be tried, and roles take turns by their shares', () => {
    const eng = request({ indexes: [[0, 3]] });
    const ops = request({ request: 'r.2' as RequestId, role: 'ops' as RoleName, indexes: [[0, 3]] });
    const roles = (events: readonly AllocationEvent[]) =>
      placements(events).map((data) => `${data.role} ${[...idsIn(data.grants)].length}`);
    ledger
      .given(queued(eng), opened(a))
      .when(asked(ops))
      .then(queued(ops))
      .when(goOn)
      .thenEvents((events) => expect(roles(events)).toEqual(['eng 2', 'ops 2']));
    ledger
      .given(queued(eng), opened(a), { type: 'RoleSet', data: { role: 'ops' as RoleName, weight: 3 } }, queued(ops))
      .when(goOn)
      .thenEvents((events) => expect(roles(events)).toEqual(['eng 1', 'ops 3']));
  });

  it('too large for one decision goes on in slices', () => {
    const ports = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ name, port: 0 }));
    const many = request({ indexes: [[0, 9999]], needs: needing({ cpusMilli: 0, memoryMib: 0, ports }) });
    ledger
      .given(opened(a, { capacity: { ...facts.capacity, ports: [[1, 65_000]] } }))
      .when(asked(many))
      .thenEvents((events) => {
        expect(agentsOf(events).length).toBeGreaterThan(4000);
        expect(JSON.stringify(events).length).toBeLessThan(256 * 1024);
      })
      .thenState((state) => expect(allocation.continues!(state)).toBe(true))
      .when(goOn)
      .when(goOn)
      .thenState((state) => {
        expect(state.agents.fleet.pods[1]).toBe(10_000);
        expect(allocation.continues!(state)).toBe(false);
      });
  });

  it('sorts its places by agent, whatever the order in which they were chosen', () => {
    const wide = request({ indexes: [[3, 8]], policy: 'spread' });
    ledger
      .given(opened(b), opened(a))
      .when(asked(wide), { seq: 3 })
      .thenEvents((events) => {
        const [data] = placements(events) as [AllocationEventOf<'Placed'>['data']];
        expect([data.grants, data.indexes, [...agentRunsIn(data.agents)]]).toEqual([
          [[3, 0, 5]],
          [[3, 8]],
          [
            [1, 1, 3],
            [2, 1, 3],
          ],
        ]);
      });
  });
});

describe('a grant', () => {
  it('that stands in for another supersedes it when it is placed (row 15)', () => {
    const again = request({
      request: 'r.2' as RequestId,
      avoid: [a],
      replaces: [{ index: 0, grant: '1.0' as GrantId }],
    });
    ledger
      .given(opened(a), opened(b), ...held, closed(a, 'unreachable'))
      .when(asked(again), { seq: 4 })
      .then(queued(again), placed(again, '4.0', { agent: 2 }), superseded('1.0'))
      .thenState((state) => {
        expect(usedByRole(state, 'eng' as RoleName).cpusMilli).toBe(1000);
        expect(usedOnAgent(state, a)?.cpusMilli).toBe(1000);
      });
  });

  it('still counts where it lies when its agent is back, superseded or not (row 18)', () => {
    const all = request({ request: 'r.3' as RequestId, indexes: [[0, 9]] });
    ledger
      .given(opened(a), ...held, superseded('1.0'), closed(a, 'unreachable'), opened(a))
      .when(asked(all))
      .thenEvents((events) => expect(agentsOf(events)).toEqual(['a', 'a', 'a']));
  });

  it('ends when its service returns it, once (row 19)', () => {
    ledger
      .given(opened(a), ...held)
      .when(returned(['1.0', '1.0']))
      .then(released('1.0'))
      .thenState((state) => {
        expect(usedOnAgent(state, a)?.cpusMilli).toBe(0);
        expect(state.lots.size).toBe(0);
      })
      .when(returned(['1.0', '99.9']))
      .thenNothing();
  });

  it('ends by itself, whatever becomes of the others of its set', () => {
    const ports = [{ name: 'web.http', port: 0 }];
    const three = request({ indexes: [[4, 6]], policy: 'spread', needs: needing({ ports }) });
    ledger
      .given(opened(a), opened(b))
      .when(asked(three), { seq: 2 })
      .when(returned(['2.1']))
      .then(released('2.1'))
      .thenState((state) => {
        expect(grantOf(state, '2.0' as GrantId)).toMatchObject({ index: 4, agent: 'a', ports: { 'web.http': 31_000 } });
        expect(grantOf(state, '2.1' as GrantId)).toBeUndefined();
        expect(grantOf(state, '2.2' as GrantId)).toMatchObject({ index: 6, agent: 'b', ports: { 'web.http': 31_000 } });
        expect([...grantsOnAgent(state, b)].map(({ grant }) => grant)).toEqual(['2.2']);
        expect(state.agents.fleet.free(1).ports).toEqual([[31_001, 31_009]]);
        expect(usedByRole(state, 'eng' as RoleName).cpusMilli).toBe(2000);
      })
      .when(returned(['2.0', '2.1', '2.2']))
      .then({ type: 'GrantReleased', data: { grants: [[2, 0, 0, 2, 2]] } })
      .thenState((state) => expect(state.lots.size).toBe(0));
  });

  it('on a gone agent ends as any other; then the agent is forgotten (race 9)', () => {
    ledger
      .given(opened(a), ...held, closed(a, 'gone'))
      .thenState((state) => expect(state.agents.get(a)?.capacity.cpusMilli).toBe(0))
      .when(returned(['1.0']))
      .then(released('1.0'))
      .thenState((state) => expect(state.agents.size).toBe(0));
  });

  it('that an uninstall leaves behind is no longer charged to its role (row 22)', () => {
    const left = ofServices({ type: 'LeftBehind', data: { ...service, grants: [[1, 0, 0]], agents: [a] } });
    ledger
      .given(opened(a), ...held, closed(a, 'unreachable'))
      .when(left)
      .then(superseded('1.0'))
      .thenState((state) => expect(usedByRole(state, 'eng' as RoleName).cpusMilli).toBe(0))
      .when(left)
      .thenNothing();
  });

  it('keeps nothing waiting for a service that was removed', () => {
    ledger
      .given(queued(request({ indexes: [[0, 1]] })))
      .when(ofServices({ type: 'ServiceRemoved', data: { ...service, leftOn: [] } }))
      .then(
        { type: 'RequestDropped', data: { request: request().request, indexes: [[0, 1]] } },
        { type: 'ServiceAccounted', data: { ...service, reservations: 0, volumes: 0, agents: [] } },
      );
  });
});

describe('a volume', () => {
  const data = { name: 'data', path: 'data', sizeMib: 100 };
  const stateful = request({ needs: needing({ volumes: [{ ...data, type: 'ROOT' }] }) });
  const volume = { volume: '1.1', ...data } as Member['volumes'][number];
  const with1 = [opened(a), queued(stateful), placed(stateful, '1.0', { volumes: [volume] })];
  const destroying: AllocationEvent = {
    type: 'VolumeDestroying',
    data: { agent: a, epoch: 1, grant: '1.0' as GrantId, volumes: [volume.volume] },
  };
  const destroyed: AllocationEvent = {
    type: 'VolumeDestroyed',
    data: { agent: a, grant: '1.0' as GrantId, volumes: [volume.volume] },
  };

  it('is made with its grant and takes disk', () => {
    ledger
      .given(opened(a))
      .when(asked(stateful))
      .then(queued(stateful), placed(stateful, '1.0', { volumes: [volume] }))
      .thenState((state) => expect(usedOnAgent(state, a)?.diskMib).toBe(100));
  });

  it('is destroyed in two steps before its grant is released (rows 20, 21)', () => {
    ledger
      .given(...with1)
      .when(returned(['1.0'], true))
      .then(destroying)
      .when(returned(['1.0'], true))
      .thenNothing()
      .when(ofCluster({ type: 'VolumesGone', data: { agent: a, epoch: 1, volumes: [volume.volume] } }))
      .then(destroyed, released('1.0'))
      .thenState((state) => {
        expect(usedOnAgent(state, a)?.diskMib).toBe(0);
        expect(usedByRole(state, 'eng' as RoleName).diskMib).toBe(0);
        expect(state.volumes.size).toBe(0);
      });
  });

  it('on its way to destruction ends with its agent', () => {
    ledger
      .given(...with1, destroying)
      .when(ofCluster({ type: 'AgentGone', data: { agent: a, epoch: 1 } }))
      .then(closed(a, 'gone'), destroyed, released('1.0'))
      .thenState((state) => expect(state.agents.size + state.volumes.size).toBe(0));
  });

  it('needs no agent to be destroyed when the agent is gone', () => {
    ledger
      .given(...with1, closed(a, 'gone'))
      .when(returned(['1.0'], true))
      .then(released('1.0'))
      .thenState((state) => expect(state.volumes.size).toBe(0));
  });

  it('outlives a grant that is returned without destroying it, and keeps its disk', () => {
    ledger
      .given(...with1)
      .when(returned(['1.0']))
      .then(released('1.0'))
      .thenState((state) => {
        expect(usedOnAgent(state, a)).toEqual({ cpusMilli: 0, memoryMib: 0, diskMib: 100, gpus: 0 });
        expect(state.volumes.get(volume.volume)?.state).toBe('detached');
      });
  });
});

describe('a role', () => {
  const weight = (value: number) => order({ type: 'SetRole', body: { role: 'eng' as RoleName, weight: value } });
  const set: AllocationEvent = { type: 'RoleSet', data: { role: 'eng' as RoleName, weight: 2 } };

  it('gets its weight', () => {
    ledger.when(weight(2)).then(set).when(weight(2)).thenNothing();
  });
  it('is taken over from cell 0', () => {
    ledger.when(foreign('allocation', set)).then(set);
  });
});

describe('for readers', () => {
  it('a grant tells what it shares with its lot', () => {
    ledger.given(opened(a), ...held).thenState((state) => {
      const view = { grant: '1.0', index: 0, agent: 'a', ...service, role: 'eng', pod: 'node' };
      const nothingElse = { ports: {}, gpuIds: [], volumes: [] };
      const { needs } = request();
      expect(grantOf(state, '1.0' as GrantId)).toEqual({ ...view, ...nothingElse, needs, priority: 50 });
      expect(grantOf(state, '1.1' as GrantId)).toBeUndefined();
      expect([...grantsOnAgent(state, a)].map(({ grant }) => grant)).toEqual(['1.0']);
      expect([...rolesInUse(state)].map(({ role, weight }) => `${role} ${weight}`)).toEqual(['eng 1']);
    });
  });

  it('what waits is explained as things are now, not as they were when it was told', () => {
    ledger
      .when(asked(request({ needs: needing({ cpusMilli: 5000 }) })))
      .when(registered(a))
      .thenState((state) => {
        expect([...waitingRequests(state)].map(({ reasons }) => reasons?.agents)).toEqual([0]);
        expect(explainPending(state, request().request)?.agents).toBe(1);
        expect(explainPending(state, request().request)?.remedy).toContain('no agent has 5 cpus at all');
        expect(explainPending(state, 'r.9' as RequestId)).toBeUndefined();
      });
  });

  it('a placement can be predicted', () => {
    ledger.given(opened(a), opened(b)).thenState((state) => {
      const spread = request({
        indexes: [
          [0, 1],
          [5, 5],
        ],
        policy: 'spread',
      });
      expect(predictPlacement(state, spread)).toEqual({
        places: [
          { index: 0, agent: 'a' },
          { index: 1, agent: 'a' },
          { index: 5, agent: 'b' },
        ],
      });
      const tooMany = predictPlacement(state, request({ indexes: [[0, 99]] }));
      expect(tooMany.places.length).toBe(8);
      expect(tooMany.reasons?.funnel.at(-2)).toEqual({ filter: 'cpus', rejected: 2, left: 0 });
    });
  });
});
