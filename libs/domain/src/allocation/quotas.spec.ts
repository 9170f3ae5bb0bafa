import {
  type AgentId,
  type AllocationCommand,
  type AllocationEvent,
  type AllocationEventOf,
  type PlacementRequest,
  type RequestId,
  type RoleName,
  type ServiceName,
  countIn,
} from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { allocation } from './decide.js';
import { asked, foreign, goOn, order } from './examples.js';
import { explainPending, predictPlacement, usedByRole } from './views.js';

const role = (name: string) => name as RoleName;
const opened = (agent: string, cpus = 8): AllocationEvent => ({
  type: 'AgentOpened',
  data: {
    agent: agent as AgentId,
    number: agent.charCodeAt(0) - 96,
    epoch: 1,
    hostname: agent,
    capacity: { cpusMilli: cpus * 1000, memoryMib: 16_000, diskMib: 16_000, gpuIds: [], ports: [] },
    attributes: {},
    faultDomain: { region: 'eu', zone: 'a' },
  },
});
const request = (name: string, of: string, count: number, more: Partial<PlacementRequest> = {}): PlacementRequest => ({
  request: name as RequestId,
  service: 'web' as ServiceName,
  generation: 7,
  role: role(of),
  pod: name.replace('.', '-'),
  indexes: [[0, count - 1]],
  needs: { cpusMilli: 1000, memoryMib: 100, diskMib: 0, gpus: 0, ports: [], volumes: [] },
  constraints: [],
  policy: 'pack',
  attempt: 1,
  avoid: [],
  replaces: [],
  ...more,
});
const setQuota = (body: Extract<AllocationCommand, { type: 'SetQuota' }>['body']) => order({ type: 'SetQuota', body });
const roleSet = (name: string): AllocationEvent => ({ type: 'RoleSet', data: { role: role(name), weight: 1 } });
const quotaSet = (name: string, quota: Omit<AllocationEventOf<'QuotaSet'>['data'], 'role' | 'cells'>, cells = 1) =>
  ({ type: 'QuotaSet', data: { role: role(name), ...quota, cells } }) satisfies AllocationEvent;

const countPlaced = (events: readonly AllocationEvent[]) =>
  events.reduce((sum, event) => sum + (event.type === 'Placed' ? countIn(event.data.indexes) : 0), 0);
const reasonsIn = (events: readonly AllocationEvent[]) =>
  events.flatMap((event) => (event.type === 'PlacementPending' ? [event.data.reasons] : []));

const ledger = specificationOf(allocation).given(opened('a'));

describe('a limit', () => {
  const limited = ledger.given(roleSet('eng'), quotaSet('eng', { limit: { cpusMilli: 3000 } }));

  it('lets a role have so much and says with numbers why the rest waits', () => {
    limited
      .when(asked(request('r.1', 'eng', 5)))
      .thenEvents((events) => {
        expect(countPlaced(events)).toBe(3);
        const [reasons] = reasonsIn(events);
        expect(reasons!.funnel).toEqual([{ filter: 'quota', rejected: 1, left: 0 }]);
        expect(reasons!.quota).toEqual({
          kind: 'limit',
          role: 'eng',
          limit: { cpusMilli: 3000 },
          used: { cpusMilli: 3000 },
          needs: { cpusMilli: 1000 },
        });
        expect(reasons!.remedy).toContain('3 of 3 cpus used, a pod needs 1');
      })
      .thenState((state) => {
        expect(explainPending(state, 'r.1' as RequestId)!.quota).toMatchObject({ kind: 'limit', role: 'eng' });
        expect(predictPlacement(state, request('r.2', 'ops', 3)).places).toHaveLength(3);
      });
    limited.thenState((state) => {
      const { places, reasons } = predictPlacement(state, request('r.1', 'eng', 5));
      expect(places).toHaveLength(3);
      expect(reasons!.quota).toMatchObject({ kind: 'limit', used: { cpusMilli: 3000 } });
    });
  });

  it('counts what roles below have into those above', () => {
    limited
      .when(asked(request('r.1', 'eng/web', 2)))
      .when(asked(request('r.2', 'eng/search', 2)))
      .thenEvents((events) => {
        expect(countPlaced(events)).toBe(1);
        expect(reasonsIn(events)[0]!.quota!.role).toBe('eng');
      });
  });

  it('says nothing about resources it does not name', () => {
    const needs = { ...request('r.1', 'eng', 1).needs, cpusMilli: 0 };
    limited
      .when(asked(request('r.1', 'eng', 9, { needs })))
      .thenEvents((events) => expect(countPlaced(events)).toBe(9));
  });

  it('lets what waits go on once something is given back, anywhere in the role', () => {
    limited
      .when(asked(request('r.1', 'eng/web', 3)))
      .when(asked(request('r.2', 'eng', 1)))
      .thenEvents((events) => expect(countPlaced(events)).toBe(0))
      .when(foreign({ type: 'GrantReturned', data: { ...serviceRef, grants: [[1, 0, 0]] } }))
      .when(goOn)
      .thenEvents((events) => expect(countPlaced(events)).toBe(1));
  });

  it('lets what waits go on once it is raised or removed', () => {
    const full = limited.when(asked(request('r.1', 'eng', 5)));
    full
      .when(setQuota({ role: role('eng'), limit: { cpus: 4 } }))
      .when(goOn)
      .thenEvents((events) => expect(countPlaced(events)).toBe(1));
    limited
      .when(asked(request('r.1', 'eng', 5)))
      .when(order({ type: 'RemoveQuota', body: { role: role('eng') } }))
      .when(goOn)
      .thenEvents((events) => expect(countPlaced(events)).toBe(2));
  });

  it('does not stop a pod from being replaced when it is used up', () => {
    const replaces = [{ index: 0, grant: '1.0' as never }];
    limited
      .when(asked(request('r.1', 'eng', 3)))
      .when(asked(request('r.2', 'eng', 1, { replaces })))
      .thenEvents((events) => {
        expect(countPlaced(events)).toBe(1);
        expect(events.map(({ type }) => type)).toContain('GrantSuperseded');
      })
      .thenState((state) => expect(usedByRole(state, role('eng')).cpusMilli).toBe(3000));
  });

  it('holds nobody up: other roles and smaller pods go on', () => {
    limited
      .when(asked(request('r.1', 'eng', 4)))
      .when(asked(request('r.2', 'ops', 2)))
      .thenEvents((events) => expect(countPlaced(events)).toBe(2));
  });

  it('counts one of the equal parts of its cell', () => {
    ledger
      .given(roleSet('eng'), quotaSet('eng', { limit: { cpusMilli: 5000 } }, 2))
      .when(asked(request('r.1', 'eng', 5)))
      .thenEvents((events) => expect(countPlaced(events)).toBe(2));
  });
});

const serviceRef = { service: 'web' as ServiceName, generation: 7 };

describe('a guarantee', () => {
  const promised = ledger.given(roleSet('db'), quotaSet('db', { guarantee: { cpusMilli: 5000 } }));

  it('keeps free what is not used of it', () => {
    promised
      .when(asked(request('r.1', 'web', 8)))
      .thenEvents((events) => {
        expect(countPlaced(events)).toBe(3);
        expect(reasonsIn(events)[0]!.quota).toEqual({
          kind: 'guarantee',
          role: 'web',
          limit: { cpusMilli: 5000 },
          used: { cpusMilli: 5000 },
          needs: { cpusMilli: 1000 },
        });
      })
      .when(asked(request('r.2', 'db', 5)))
      .thenEvents((events) => expect(countPlaced(events)).toBe(5));
  });

  it('is served before shares are compared', () => {
    ledger
      .given(roleSet('db'), { type: 'RequestQueued', data: request('r.0', 'a', 8) })
      .given({ type: 'RequestQueued', data: request('r.1', 'db', 8) })
      .given(quotaSet('db', { guarantee: { cpusMilli: 6000 } }))
      .when(goOn)
      .thenState((state) => {
        expect(usedByRole(state, role('db')).cpusMilli).toBe(6000);
        expect(usedByRole(state, role('a')).cpusMilli).toBe(2000);
      });
  });

  it('of a role above covers those below it', () => {
    ledger
      .given(roleSet('eng/db'), quotaSet('eng', { guarantee: { cpusMilli: 8000 } }))
      .when(asked(request('r.1', 'web', 1)))
      .thenEvents((events) => expect(countPlaced(events)).toBe(0))
      .when(asked(request('r.2', 'eng/db', 8)))
      .thenEvents((events) => expect(countPlaced(events)).toBe(8));
  });

  it('keeps nothing more once an agent brings enough', () => {
    promised
      .when(asked(request('r.1', 'web', 8)))
      .when(foreign({ type: 'AgentRegistered', data: registration('b') }))
      .when(goOn)
      .thenEvents((events) => expect(countPlaced(events)).toBe(5));
  });
});

const registration = (agent: string) => ({
  ...(opened(agent) as Extract<AllocationEvent, { type: 'AgentOpened' }>).data,
  session: 's',
  address: '::1',
});

describe('setting a quota', () => {
  const known = ledger.given(roleSet('eng/web'));

  it('records limit and guarantee, for a role or one above', () => {
    known
      .when(setQuota({ role: role('eng'), limit: { cpus: 2.5, memory: 64 }, guarantee: { cpus: 1 } }))
      .then(quotaSet('eng', { limit: { cpusMilli: 2500, memoryMib: 64 }, guarantee: { cpusMilli: 1000 } }))
      .when(setQuota({ role: role('eng'), limit: { cpus: 2.5, memory: 64 }, guarantee: { cpus: 1 } }))
      .thenNothing()
      .when(order({ type: 'RemoveQuota', body: { role: role('eng') } }))
      .then({ type: 'QuotaRemoved', data: { role: role('eng') } })
      .when(order({ type: 'RemoveQuota', body: { role: role('eng') } }))
      .thenRefused('unknown-quota');
  });

  it('is refused for a role that nobody knows', () => {
    known.when(setQuota({ role: role('ads'), limit: { cpus: 1 } })).thenRefused('unknown-role', ({ remedy }) => {
      expect(remedy).toContain('role set ads');
    });
  });

  it('is refused with numbers when more is used, unless it is forced', () => {
    const used = known.when(asked(request('r.1', 'eng/web', 3)));
    const limit = { role: role('eng'), limit: { cpus: 2 } };
    used.when(setQuota(limit)).thenRefused('quota-exceeded', ({ message }) => {
      expect(message).toBe('eng uses 3 cpus, the limit would be 2 cpus');
    });
    used
      .when(setQuota({ ...limit, force: true }))
      .then(quotaSet('eng', { limit: { cpusMilli: 2000 } }))
      .when(asked(request('r.2', 'eng/web', 1)))
      .thenEvents((events) => expect(countPlaced(events)).toBe(0));
  });

  it('is refused when more would be guaranteed than there is', () => {
    known
      .given(roleSet('ops'), quotaSet('ops', { guarantee: { cpusMilli: 6000 } }))
      .when(setQuota({ role: role('eng'), guarantee: { cpus: 3 } }))
      .thenRefused('guarantee-too-large', ({ message }) => {
        expect(message).toBe('9 cpus would be guaranteed in all, open agents have 8 cpus');
      });
  });

  it('is refused when it guarantees more below than a limit above allows', () => {
    known
      .given(quotaSet('eng', { limit: { cpusMilli: 2000 } }))
      .when(setQuota({ role: role('eng/web'), guarantee: { cpus: 3 } }))
      .thenRefused('quota-conflict', ({ message }) => {
        expect(message).toBe('3 cpus would be guaranteed in eng, whose limit is 2 cpus');
      });
  });

  it('is done by other cells when cell 0 did it', () => {
    const event = quotaSet('eng', { limit: { cpusMilli: 2000 } });
    known.when(foreign(event)).then(event).when(foreign(event)).thenNothing();
    known.when(foreign({ type: 'QuotaRemoved', data: { role: role('eng') } })).thenNothing();
  });
});

describe('what is scarce', () => {
  it('is set, followed by other cells, and not said twice', () => {
    const event: AllocationEvent = { type: 'FairnessSet', data: { scarce: ['disk', 'gpus'] } };
    ledger
      .when(order({ type: 'SetFairness', body: { scarce: ['gpus', 'disk'] } }))
      .then(event)
      .when(foreign(event))
      .thenNothing();
  });
});
