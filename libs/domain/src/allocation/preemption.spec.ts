import {
  countIds,
  idRunsOf,
  idsIn,
  type AgentId,
  type AllocationEvent,
  type AllocationEventOf,
  type GrantId,
  type PlacementRequest,
  type RequestId,
  type RoleName,
  type ServiceName,
  type ServiceSpec,
} from '@orrery/contracts';
import { SPECIFICATION_STARTS_AT_MS as START, specificationOf } from '@orrery/testing';
import { allocation } from './decide.js';
import { asked, foreign, goOn, order, tick } from './examples.js';
import { preemptionView } from './preemption-views.js';
import { roleView } from './sharing-views.js';
import { explainPending, grantOf, predictPlacement, usedByRole } from './views.js';

const opened = (agent: string, cpus = 4): AllocationEvent => ({
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
const wish = (name: string, count: number, more: Partial<PlacementRequest> = {}): PlacementRequest => ({
  request: `${name}.1` as RequestId,
  service: name as ServiceName,
  generation: 7,
  role: 'eng' as RoleName,
  pod: 'node',
  indexes: [[0, count - 1]],
  needs: { cpusMilli: 1000, memoryMib: 100, diskMib: 0, gpus: 0, ports: [], volumes: [] },
  constraints: [],
  policy: 'pack',
  attempt: 1,
  avoid: [],
  replaces: [],
  ...more,
});
const returned = (...grants: string[]) =>
  foreign({
    type: 'GrantReturned',
    data: { service: 'batch' as ServiceName, generation: 7, grants: idRunsOf(grants) },
  });
const typesOf = (events: readonly AllocationEvent[]) => events.map(({ type }) => type);
const ordersIn = (events: readonly AllocationEvent[]) =>
  events.flatMap((event) => (event.type === 'PreemptionOrdered' ? [event.data] : []));
const victimsIn = (events: readonly AllocationEvent[]) =>
  ordersIn(events).flatMap(({ victims }) => victims.flatMap(({ grants }) => [...idsIn<GrantId>(grants)]));
const placedIn = (events: readonly AllocationEvent[]) =>
  events.flatMap((event) => (event.type === 'Placed' ? [`${event.data.service} ${countIds(event.data.grants)}`] : []));

const ledger = specificationOf(allocation).given(opened('a'));
/** Four pods fill the agent; their grants are 1.0 to 1.3. */
const filled = (more: Partial<PlacementRequest> = {}) =>
  ledger.when(asked(wish('batch', 4, { priority: 10, ...more })));
const shop = (count: number, more: Partial<PlacementRequest> = {}) => wish('shop', count, { priority: 80, ...more });

describe('an order to make way', () => {
  it('names who goes, for whom, and until when the room is kept; nothing is taken away', () => {
    filled()
      .when(asked(shop(1)))
      .thenEvents((events) => {
        expect(typesOf(events)).toEqual(['RequestQueued', 'PlacementPending', 'PreemptionOrdered']);
        const [order] = ordersIn(events) as [AllocationEventOf<'PreemptionOrdered'>['data']];
        expect(order).toMatchObject({
          for: { request: 'shop.1', service: 'shop', pod: 'node', role: 'eng', priority: 80 },
          places: [[1, 1]],
          victims: [{ service: 'batch', generation: 7, pod: 'node', role: 'eng', priority: 10, grants: [[1, 0, 0]] }],
          at: START,
          until: START + 300_000,
        });
        expect(order.why).toContain('no room for 1 of shop node (eng, priority 80)');
      })
      .thenState((state) => {
        expect(state.lots.size).toBe(1);
        expect(grantOf(state, '1.0' as GrantId)!.makesWayFor).toMatchObject({ service: 'shop' });
        expect(explainPending(state, 'shop.1' as RequestId)!.preemption).toMatchObject({
          standing: 'ordered',
          message: '1 pod of batch node (priority 10) make way for it',
        });
      });
  });

  it('keeps what comes free for whom it was given: the victim does not get it back, nor does anybody else', () => {
    filled()
      .when(asked(shop(1)))
      .when(asked(wish('other', 1, { priority: 75 })))
      .when(asked(wish('batch', 1, { request: 'batch.2' as RequestId, priority: 10 })))
      .when(returned('1.0'))
      .when(goOn)
      .thenEvents((events) => expect(placedIn(events)).toEqual(['shop 1']))
      .thenState((state) => {
        expect([...state.preemptions.values()].map(({ for: by }) => by.service)).toEqual(['other']);
      });
  });

  it('is given once: nobody is asked twice, and not for more than waits', () => {
    filled()
      .when(asked(shop(1)))
      .when(asked(wish('late', 1, { role: 'ops' as RoleName })))
      .when(foreign({ type: 'AgentDraining', data: { agent: 'z' as AgentId, epoch: 1, deadline: 1 } }))
      .thenState((state) => expect(allocation.continues!(state)).toBe(false))
      .when(goOn)
      .thenNothing();
  });

  it('asks for all that a set needs in one decision, with what is left over counted in', () => {
    filled({ revocable: true })
      .when(asked(shop(2, { needs: { ...wish('x', 1).needs, cpusMilli: 1500 } })))
      .thenEvents((events) => {
        expect(victimsIn(events)).toHaveLength(3);
        expect(ordersIn(events)[0]!.places).toEqual([[1, 2]]);
      });
  });

  it('takes no more than a tenth of a service at once, and at least one pod', () => {
    const two = filled().when(asked(shop(2)));
    two
      .thenEvents((events) => expect(victimsIn(events)).toEqual(['1.0']))
      .when(returned('1.0'))
      .when(goOn)
      .thenEvents((events) => {
        expect(placedIn(events)).toEqual(['shop 1']);
        expect(victimsIn(events)).toHaveLength(1);
      });
  });

  it('lapses after its time: the room is anybody’s, and others may be asked', () => {
    const late = filled().when(asked(shop(1)));
    late.thenState((state) => expect(allocation.nextDeadline!(state)).toBe(START + 300_000));
    late
      .when(tick, { at: START + 300_000 })
      .thenEvents((events) => expect(typesOf(events)).toEqual(['PreemptionLapsed']))
      .when(goOn, { at: START + 300_000 })
      .thenEvents((events) => expect(victimsIn(events)).toHaveLength(1));
  });

  it('is over when its request is: what comes back then is anybody’s', () => {
    filled()
      .when(asked(shop(1)))
      .when(
        foreign({
          type: 'PlacementWithdrawn',
          data: {
            service: 'shop' as ServiceName,
            generation: 7,
            pod: 'node',
            request: 'shop.1' as RequestId,
            indexes: [[0, 0]],
          },
        }),
      )
      .thenState((state) => expect([...state.preemptions.values()][0]!.places).toEqual([]))
      .when(asked(wish('batch', 1, { request: 'batch.2' as RequestId, priority: 10 })))
      .when(returned('1.0'))
      .thenState((state) => expect(state.preemptions.size).toBe(0))
      .when(goOn)
      .thenEvents((events) => expect(placedIn(events)).toEqual(['batch 1']));
  });

  it('is forgotten with the agent it speaks of, and made anew elsewhere', () => {
    const two = ledger.given(opened('b')).when(asked(wish('batch', 8, { priority: 10 })));
    two
      .when(asked(shop(1)))
      .when(foreign({ type: 'AgentDraining', data: { agent: 'a' as AgentId, epoch: 1, deadline: 1 } }))
      .when(goOn)
      .thenEvents((events) => expect(ordersIn(events).map(({ places }) => places)).toEqual([]))
      .when(returned('1.0'))
      .when(goOn)
      .thenEvents((events) => expect(ordersIn(events).map(({ places }) => places)).toEqual([[[2, 1]]]));
  });
});

describe('a right to ask', () => {
  const asks = (holder: Partial<PlacementRequest>, asker: Partial<PlacementRequest>) =>
    victimsIn(filled(holder).when(asked(shop(1, asker))).events).length;
  const role = (name: string) => ({ role: name as RoleName });

  it('is of the same role and of the roles above it', () => {
    expect(asks(role('eng/web'), role('eng'))).toBe(1);
    expect(asks(role('eng'), role('eng/web'))).toBe(0);
    expect(asks(role('ops'), role('eng'))).toBe(0);
    expect(asks(role('engine'), role('eng'))).toBe(0);
  });

  it('takes ten points of priority', () => {
    expect(asks({ priority: 70 }, {})).toBe(1);
    expect(asks({ priority: 71 }, {})).toBe(0);
  });

  it('is anybody’s towards revocable pods, whatever their role and priority, and theirs towards nobody else', () => {
    expect(asks({ ...role('ops'), revocable: true, priority: 90 }, { priority: 0 })).toBe(1);
    expect(asks({ priority: 0 }, { revocable: true })).toBe(0);
    expect(asks({ priority: 10, revocable: true }, { revocable: true })).toBe(1);
    expect(asks({ ...role('ops'), priority: 10, revocable: true }, { revocable: true })).toBe(0);
  });

  it('does not reach pods with volumes, nor those of critical priority', () => {
    const volumes = [{ name: 'v', path: 'v', type: 'ROOT', sizeMib: 1 }] as const;
    expect(asks({ needs: { ...wish('x', 1).needs, volumes: [...volumes] } }, {})).toBe(0);
    expect(asks({ priority: 91 }, { priority: 100 })).toBe(0);
  });

  it('does not reach into what is reserved for another role', () => {
    const reserve = (of: string) =>
      order({
        type: 'Reserve',
        body: { agent: 'a' as AgentId, role: of as RoleName, resources: { cpus: 4 } },
      });
    const inReservation = (of: string, by: string) =>
      victimsIn(
        ledger
          .when(reserve(of))
          .when(asked(wish('batch', 4, { priority: 10, role: of as RoleName })))
          .when(asked(shop(1, { role: by as RoleName }))).events,
      ).length;
    expect(inReservation('eng/web', 'eng')).toBe(0);
    expect(inReservation('eng', 'eng')).toBe(1);
  });

  it('ends where a quota does', () => {
    const limit = ledger
      .given({ type: 'RoleSet', data: { role: 'eng' as RoleName, weight: 1 } })
      .when(order({ type: 'SetQuota', body: { role: 'eng' as RoleName, limit: { cpus: 4 } } }));
    limit
      .when(asked(wish('batch', 4, { priority: 10 })))
      .when(asked(shop(1)))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['RequestQueued', 'PlacementPending']));
  });

  it('changes with the service, without moving what runs', () => {
    const spec = { name: 'batch', pods: { node: { priority: 90, tasks: {} } } } as unknown as ServiceSpec;
    const applied = {
      ...{ service: 'batch' as ServiceName, generation: 7, version: 2, specDigest: '', role: 'eng' as RoleName },
      ...{ spec, recipes: {} },
    };
    filled()
      .when(foreign({ type: 'ServiceApplied', data: applied }))
      .thenEvents((events) =>
        expect(events).toEqual([
          { type: 'PriorityChanged', data: { service: 'batch', generation: 7, pod: 'node', priority: 90 } },
        ]),
      )
      .when(asked(shop(1)))
      .thenEvents((events) => expect(victimsIn(events)).toEqual([]));
  });
});

describe('revocable pods', () => {
  it('live beyond the limit and on what is guaranteed to others, and count in no quota', () => {
    const kept = ledger
      .given({ type: 'RoleSet', data: { role: 'eng' as RoleName, weight: 1 } })
      .given({ type: 'RoleSet', data: { role: 'ops' as RoleName, weight: 1 } })
      .given({ type: 'QuotaSet', data: { role: 'eng' as RoleName, limit: { cpusMilli: 0 }, cells: 1 } })
      .given({ type: 'QuotaSet', data: { role: 'ops' as RoleName, guarantee: { cpusMilli: 4000 }, cells: 1 } });
    kept
      .when(asked(wish('batch', 4, { revocable: true })))
      .thenEvents((events) => expect(placedIn(events)).toEqual(['batch 4']))
      .thenState((state) => {
        expect(usedByRole(state, 'eng' as RoleName).cpusMilli).toBe(0);
        expect(roleView(state, 'eng' as RoleName)!.revocableBelow.cpusMilli).toBe(4000);
        expect(predictPlacement(state, wish('shop', 4, { role: 'ops' as RoleName })).places).toEqual([]);
      })
      .when(asked(shop(4, { role: 'ops' as RoleName, priority: 0 })))
      .thenEvents((events) => expect(victimsIn(events)).toHaveLength(4))
      .when(returned('1.0', '1.1', '1.2', '1.3'))
      .when(goOn)
      .thenEvents((events) => expect(placedIn(events)).toEqual(['shop 4']))
      .thenState((state) => expect(usedByRole(state, 'ops' as RoleName).cpusMilli).toBe(4000));
  });

  it('come after all others in a round, and the more important of a role first', () => {
    ledger
      .given({ type: 'RequestQueued', data: wish('spare', 2, { revocable: true, priority: 90 }) })
      .given({ type: 'RequestQueued', data: wish('low', 2, { priority: 10 }) })
      .given({ type: 'RequestQueued', data: wish('high', 2, { priority: 60 }) })
      .when(goOn)
      .thenEvents((events) => expect(placedIn(events)).toEqual(['high 2', 'low 2']));
  });
});

describe('the budget', () => {
  const setTo = (perMinute?: number) =>
    order({ type: 'SetPreemptionBudget', body: perMinute === undefined ? {} : { perMinute } });
  const spare = () => ledger.when(setTo(1)).when(asked(wish('batch', 4, { revocable: true })));

  it('bounds what is preempted in a minute, says so, and goes on by a tick', () => {
    const held = spare().when(asked(shop(2)));
    held
      .thenEvents((events) => {
        expect(victimsIn(events)).toHaveLength(1);
        expect(events.at(-1)).toEqual({
          type: 'PreemptionHeld',
          data: { requests: ['shop.1'], until: START + 60_000 },
        });
      })
      .thenState((state) => {
        expect(allocation.nextDeadline!(state)).toBe(START + 60_000);
        expect(preemptionView(state, START)).toMatchObject({ perMinute: 1, budget: 1, spent: 1 });
      });
    held
      .when(returned('2.0'))
      .when(goOn)
      .thenEvents((events) => expect([...placedIn(events), ...victimsIn(events)]).toEqual(['shop 1']))
      .thenState((state) =>
        expect(explainPending(state, 'shop.1' as RequestId)!.preemption).toMatchObject({
          standing: 'budget',
          pods: 1,
          message:
            'would fit after preempting 1 pod of batch node (revocable, priority 50); not done because 1 pods may be preempted in a minute and that many were',
        }),
      )
      .when(tick, { at: START + 60_000 })
      .thenEvents((events) => expect(typesOf(events)).toEqual(['PreemptionResumed']))
      .when(goOn, { at: START + 60_000 })
      .thenEvents((events) => expect(victimsIn(events)).toHaveLength(1));
  });

  it('of 0 switches preemption off, and says so', () => {
    ledger
      .when(setTo(0))
      .when(asked(wish('batch', 4, { revocable: true })))
      .when(asked(shop(1)))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['RequestQueued', 'PlacementPending']))
      .thenState((state) => {
        expect(allocation.nextDeadline!(state)).toBeUndefined();
        expect(explainPending(state, 'shop.1' as RequestId)!.preemption!.standing).toBe('off');
      })
      .when(setTo())
      .when(goOn)
      .thenEvents((events) => expect(victimsIn(events)).toHaveLength(1));
  });

  it('that is less than one pod takes waits for nothing', () => {
    spare()
      .when(asked(shop(1, { needs: { ...wish('x', 1).needs, cpusMilli: 2000 } })))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['RequestQueued', 'PlacementPending']))
      .thenState((state) => expect(allocation.nextDeadline!(state)).toBeUndefined());
  });
});

describe('a scheduler of others', () => {
  it('has half a minute to return what is wanted back, then it is returned for it', () => {
    ledger
      .when(
        order({
          type: 'RequestPlacement',
          body: { scheduler: 'mine', role: 'eng' as RoleName, pod: 'p', count: 4, needs: { cpus: 1 }, revocable: true },
        }),
      )
      .when(asked(shop(1)))
      .thenEvents((events) => expect(ordersIn(events)[0]!.noticeUntil).toBe(START + 30_000))
      .thenState((state) => expect(allocation.nextDeadline!(state)).toBe(START + 30_000))
      .when(tick, { at: START + 30_000 })
      .thenEvents((events) => {
        expect(typesOf(events)).toEqual(['GrantsReturning', 'PreemptionNoticeEnded']);
        expect(events[0]).toMatchObject({ data: { service: '@mine', generation: 0 } });
      })
      .thenState((state) => expect(allocation.nextDeadline!(state)).toBe(START + 300_000));
  });
});

describe('a gang', () => {
  const id = 'chief.1' as RequestId;
  /** A chief and its workers, of one gang. */
  const training = (workers: number, more: Partial<PlacementRequest> = {}) => [
    asked(wish('chief', 1, { priority: 60, pod: 'chief', gang: { id, more: true }, ...more })),
    asked(wish('worker', workers, { priority: 60, pod: 'worker', gang: { id }, ...more })),
  ];
  const spareOn = (agents: number) =>
    ['b', 'c', 'd']
      .slice(0, agents - 1)
      .reduce((story, agent) => story.given(opened(agent)), ledger)
      .when(asked(wish('batch', agents * 4, { priority: 10, revocable: true })));
  const ask = (story: ReturnType<typeof spareOn>, workers: number, more: Partial<PlacementRequest> = {}) =>
    training(workers, more)
      .reduce((told, input) => told.when(input), story)
      .when(goOn);
  const roomOf = (events: readonly AllocationEvent[]) =>
    ordersIn(events).map(({ for: by, places }) => `${by.pod} ${places.reduce((sum, [, pods]) => sum + pods, 0)}`);

  it('that is more important has others make way for all of it at once, and the room is kept until all is free', () => {
    const ordered = ask(spareOn(2), 5);
    ordered.thenEvents((events) => {
      expect(roomOf(events)).toEqual(['chief 1', 'worker 5']);
      expect(new Set(victimsIn(events)).size).toBe(6);
    });
    const grants = victimsIn(ordered.events);
    const some = ordered.when(returned(...grants.slice(0, 5))).when(goOn);
    some.thenEvents((events) => expect(placedIn(events)).toEqual([]));
    some
      .when(asked(wish('small', 1, { priority: 50 })))
      .when(goOn)
      .thenEvents((events) => expect(placedIn(events)).toEqual([]))
      .when(returned(grants[5]!))
      .when(goOn)
      .thenEvents((events) => expect(placedIn(events)).toEqual(['chief 1', 'worker 5']))
      .thenState((state) => expect(preemptionView(state, START).orders.map(({ for: by }) => by.pod)).toEqual(['node']));
  });

  it('takes what is free first, and keeps that, too', () => {
    const half = ledger.given(opened('b')).when(asked(wish('batch', 4, { priority: 10, revocable: true })));
    ask(half, 6).thenEvents((events) => {
      expect(victimsIn(events)).toHaveLength(3);
      expect(roomOf(events)).toEqual(['chief 1', 'worker 6']);
    });
  });

  it('evicts nobody where not all of it would fit afterwards', () => {
    const critical = () =>
      ledger
        .given(opened('b'))
        .when(asked(wish('calm', 5, { priority: 95 })))
        .when(asked(wish('batch', 3, { priority: 10, revocable: true })));
    ask(critical(), 3).thenEvents((events) => expect(ordersIn(events)).toEqual([]));
    ask(critical(), 2).thenEvents((events) => expect(victimsIn(events)).toHaveLength(3));
  });

  it('evicts nobody beyond the budget, and all of them when it is there again', () => {
    const setTo = (perMinute: number) => order({ type: 'SetPreemptionBudget', body: { perMinute } });
    ask(spareOn(2).when(setTo(5)), 5).thenEvents((events) => expect(ordersIn(events)).toEqual([]));
    const spent = spareOn(2)
      .when(setTo(6))
      .when(asked(wish('first', 1, { priority: 60 })));
    expect(victimsIn(spent.events)).toHaveLength(1);
    const held = ask(spent, 5);
    held.thenEvents((events) => {
      expect(ordersIn(events)).toEqual([]);
      expect(typesOf(events).at(-1)).toBe('PreemptionHeld');
    });
    held
      .when(tick, { at: START + 60_000 })
      .when(goOn, { at: START + 60_000 })
      .thenEvents((events) => expect(victimsIn(events)).toHaveLength(6));
  });

  it('finds places that its constraints allow', () => {
    const unique = { constraints: [{ field: 'hostname', operator: 'UNIQUE' }] as const };
    ask(spareOn(3), 3, unique).thenEvents((events) => {
      expect(victimsIn(events)).toHaveLength(4);
      for (const { places } of ordersIn(events)) expect(places.every(([, pods]) => pods === 1)).toBe(true);
    });
    ask(spareOn(2), 3, unique).thenEvents((events) => expect(ordersIn(events)).toEqual([]));
  });

  it('has no room kept any more when an agent of it is lost, and asks again for all of it', () => {
    const ordered = ask(spareOn(3), 5, { policy: 'spread' });
    const [, lost] = ordersIn(ordered.events).flatMap(({ places }) => places.map(([agent]) => agent));
    const agent = String.fromCharCode(96 + lost!) as AgentId;
    ordered.when(foreign({ type: 'AgentUnreachable', data: { agent, epoch: 1, at: 0 } })).thenState((state) => {
      for (const { places } of state.preemptions.values()) expect(places).toEqual([]);
    });
  });
});
