import type {
  AgentId,
  AllocationCommand,
  AllocationEvent,
  ClusterEvent,
  GrantId,
  PlacementRequest,
  RequestId,
  RoleName,
  ServiceName,
  ServicesEvent,
} from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { allocation } from './decide.js';
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

const opened = (agent: AgentId, more: Facts = {}): AllocationEvent => ({
  type: 'AgentOpened',
  data: { agent, epoch: 1, ...facts, hostname: `${agent}.example`, ...more },
});
const closed = (agent: AgentId, reason: 'unreachable' | 'draining' | 'gone', draining?: true): AllocationEvent => ({
  type: 'AgentClosed',
  data: { agent, reason, ...(draining === undefined ? {} : { draining }) },
});
const queued = (request: PlacementRequest): AllocationEvent => ({ type: 'RequestQueued', data: request });
const released = (...grants: string[]): AllocationEvent => ({
  type: 'GrantReleased',
  data: { grants: grants as GrantId[] },
});
const superseded = (...grants: string[]): AllocationEvent => ({
  type: 'GrantSuperseded',
  data: { grants: grants as GrantId[] },
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
const goOn: AllocationInput = { kind: 'internal', internal: { type: 'continue' } };
const order = (command: AllocationCommand): AllocationInput => ({ kind: 'command', id: 'c-1', actor: 'ann', command });

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
    data: { ...service, grants: grants as GrantId[], ...(destroyVolumes === undefined ? {} : { destroyVolumes }) },
  });
const placed = (wish: PlacementRequest, ...grants: Partial<GrantOf>[]): AllocationEvent => ({
  type: 'Placed',
  data: {
    request: wish.request,
    service: wish.service,
    generation: wish.generation,
    role: wish.role,
    pod: wish.pod,
    needs: wish.needs,
    grants: grants.map((grant) => ({
      grant: '1.0' as GrantId,
      index: 0,
      agent: a,
      epoch: 1,
      ports: {},
      gpuIds: [],
      volumes: [],
      ...grant,
    })),
  },
});
type GrantOf = Extract<AllocationEvent, { type: 'Placed' }>['data']['grants'][number];
const agentsOf = (events: readonly AllocationEvent[]) =>
  events.flatMap((event) => (event.type === 'Placed' ? event.data.grants.map(({ agent }) => agent as string) : []));
const typesOf = (events: readonly AllocationEvent[]) => events.map(({ type }) => type);

const ledger = specificationOf(allocation);
const held = [queued(request()), placed(request(), { grant: '1.0' as GrantId })];

describe('an agent', () => {
  it('opens with what it declares when it registers (row 18)', () => {
    ledger
      .when(
        ofCluster({ type: 'AgentRegistered', data: { agent: a, epoch: 1, session: 's', address: '::1', ...facts } }),
      )
      .then(opened(a, { hostname: 'one.example' }));
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
      .thenState((state) => expect(state.agents.get(a)?.free.cpusMilli).toBe(-500))
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
        placed(request({ needs: needing({ ports: [{ name: 'web.http', port: 0 }] }) }), {
          grant: '9.0' as GrantId,
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
        expect(pending.data.indexes).toEqual([4, 5]);
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
      .when(
        ofCluster({ type: 'AgentRegistered', data: { agent: a, epoch: 1, session: 's', address: '::1', ...facts } }),
      )
      .thenState((state) => expect(allocation.continues!(state)).toBe(true))
      .when(goOn, { seq: 5 })
      .then(placed(request(), { grant: '5.0' as GrantId }))
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
      .when(
        ofCluster({ type: 'AgentRegistered', data: { agent: b, epoch: 1, session: 's', address: '::1', ...facts } }),
      )
      .when(goOn)
      .then({ type: 'RequestsTried', data: {} })
      .thenState((state) => expect(allocation.continues!(state)).toBe(false))
      .when(
        ofCluster({
          type: 'AgentRegistered',
          data: {
            agent: 'c' as AgentId,
            epoch: 1,
            session: 's',
            address: '::1',
            ...facts,
            capacity: { ...facts.capacity, cpusMilli: 10_000, memoryMib: 10 },
          },
        }),
      )
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
      .given(opened(a), queued(request({ indexes: [[0, 2]] })), placed(request(), { index: 1 }))
      .when(asked(request({ indexes: [[0, 2]] })))
      .thenNothing()
      .when(goOn)
      .thenEvents((events) => {
        const [event] = events as [Extract<AllocationEvent, { type: 'Placed' }>];
        expect(event.data.grants.map(({ index }) => index)).toEqual([0, 2]);
      });
  });

  it('withdrawn before it is placed never is (race 2)', () => {
    const withdrawn = ofServices({
      type: 'PlacementWithdrawn',
      data: { ...service, pod: 'node', request: request().request, indexes: [0, 1, 9] },
    });
    ledger
      .given(queued(request({ indexes: [[0, 2]] })))
      .when(withdrawn)
      .then({ type: 'RequestDropped', data: { request: request().request, indexes: [0, 1] } })
      .thenState((state) => expect(state.requests.get(request().request)?.indexes).toEqual([[2, 2]]));
    ledger.given(opened(a), queued(request()), placed(request(), {})).when(withdrawn).thenNothing();
  });

  it('queues behind those that can still be tried, and roles take turns by their shares', () => {
    const eng = request({ indexes: [[0, 3]] });
    const ops = request({ request: 'r.2' as RequestId, role: 'ops' as RoleName, indexes: [[0, 3]] });
    const roles = (events: readonly AllocationEvent[]) =>
      events.flatMap((event) => (event.type === 'Placed' ? [`${event.data.role} ${event.data.grants.length}`] : []));
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
    const many = request({ indexes: [[0, 2999]], needs: needing({ cpusMilli: 1, memoryMib: 1 }) });
    ledger
      .given(opened(a))
      .when(asked(many))
      .thenEvents((events) => {
        expect(agentsOf(events).length).toBeGreaterThan(500);
        expect(JSON.stringify(events).length).toBeLessThan(256 * 1024);
      })
      .thenState((state) => expect(allocation.continues!(state)).toBe(true))
      .when(goOn)
      .when(goOn)
      .thenState((state) => {
        expect(state.grants.size).toBe(3000);
        expect(allocation.continues!(state)).toBe(false);
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
      .then(queued(again), placed(again, { grant: '4.0' as GrantId, agent: b }), superseded('1.0'))
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

  it('on a gone agent ends as any other; then the agent is forgotten (race 9)', () => {
    ledger
      .given(opened(a), ...held, closed(a, 'gone'))
      .thenState((state) => expect(state.agents.get(a)?.capacity.cpusMilli).toBe(0))
      .when(returned(['1.0']))
      .then(released('1.0'))
      .thenState((state) => expect(state.agents.size).toBe(0));
  });

  it('that an uninstall leaves behind is no longer charged to its role (row 22)', () => {
    const left = ofServices({ type: 'LeftBehind', data: { ...service, grants: ['1.0' as GrantId], agents: [a] } });
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
      .then({ type: 'RequestDropped', data: { request: request().request, indexes: [0, 1] } });
  });
});

describe('a volume', () => {
  const data = { name: 'data', path: 'data', sizeMib: 100 };
  const stateful = request({ needs: needing({ volumes: [{ ...data, type: 'ROOT' }] }) });
  const volume = { volume: '1.1', ...data } as GrantOf['volumes'][number];
  const with1 = [opened(a), queued(stateful), placed(stateful, { volumes: [volume] })];
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
      .then(queued(stateful), placed(stateful, { volumes: [volume] }))
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
  const weight = (value: number) => order({ type: 'SetRole', body: { role: 'eng', weight: value } });
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
      const view = { grant: '1.0', lot: '1.0', index: 0, agent: 'a', epoch: 1, ...service, role: 'eng', pod: 'node' };
      expect(grantOf(state, '1.0' as GrantId)).toEqual({ ...view, needs: request().needs });
      expect([...grantsOnAgent(state, a)].map(({ grant }) => grant)).toEqual(['1.0']);
      expect([...rolesInUse(state)].map(({ role, weight }) => `${role} ${weight}`)).toEqual(['eng 1']);
    });
  });

  it('what waits is explained as things are now, not as they were when it was told', () => {
    ledger
      .when(asked(request({ needs: needing({ cpusMilli: 5000 }) })))
      .when(
        ofCluster({ type: 'AgentRegistered', data: { agent: a, epoch: 1, session: 's', address: '::1', ...facts } }),
      )
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
          { index: 1, agent: 'b' },
          { index: 5, agent: 'a' },
        ],
      });
      const tooMany = predictPlacement(state, request({ indexes: [[0, 99]] }));
      expect(tooMany.places.length).toBe(8);
      expect(tooMany.reasons?.funnel.at(-2)).toEqual({ filter: 'cpus', rejected: 2, left: 0 });
    });
  });
});
