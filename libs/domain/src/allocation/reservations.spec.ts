import {
  type AgentId,
  type AllocationEvent,
  type PlacementRequest,
  type RequestId,
  type ReservationId,
  type RoleName,
  type ServiceName,
  type SharingCommand,
  agentRunsIn,
} from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { allocation } from './decide.js';
import { asked, goOn, order } from './examples.js';
import type { AllocationInput } from './input.js';
import { reservedOn } from './reservations.js';
import { explainPending, predictPlacement } from './views.js';

const role = (name: string) => name as RoleName;
const a = 'a' as AgentId;
const b = 'b' as AgentId;
const amounts = (cpusMilli: number, memoryMib = 0) => ({ cpusMilli, memoryMib, diskMib: 0, gpus: 0 });
const opened = (agent: AgentId, cpus = 4, gpuIds: string[] = []): AllocationEvent => ({
  type: 'AgentOpened',
  data: {
    agent,
    number: agent.charCodeAt(0) - 96,
    epoch: 1,
    hostname: agent,
    capacity: { cpusMilli: cpus * 1000, memoryMib: 16_000, diskMib: 16_000, gpuIds, ports: [] },
    attributes: {},
    faultDomain: { region: 'eu', zone: 'a' },
  },
});
const made = (id: string, agent: AgentId, of: string, cpus: number, refines?: string): AllocationEvent => ({
  type: 'ReservationMade',
  data: {
    ...{ reservation: id as ReservationId, agent, role: role(of), resources: amounts(cpus * 1000), labels: {} },
    ...(refines === undefined ? {} : { refines: refines as ReservationId }),
  },
});
const request = (name: string, of: string, count: number, more: Partial<PlacementRequest> = {}): PlacementRequest => ({
  ...{ request: name as RequestId, service: 'web' as ServiceName, generation: 7, role: role(of), pod: name[0]! },
  indexes: [[0, count - 1]],
  needs: { cpusMilli: 1000, memoryMib: 0, diskMib: 0, gpus: 0, ports: [], volumes: [] },
  ...{ constraints: [], policy: 'spread', attempt: 1, avoid: [], replaces: [] },
  ...more,
});
const returned = (grants: number[][]): AllocationInput => ({
  ...{ kind: 'foreign', domain: 'services', journalId: 'any', seq: 1 },
  event: { type: 'GrantReturned', data: { service: 'web' as ServiceName, generation: 7, grants } },
});
const reserve = (body: Extract<SharingCommand, { type: 'Reserve' }>['body']) => order({ type: 'Reserve', body });
const unreserve = (reservation: string, agent = a) =>
  order({ type: 'Unreserve', body: { agent, reservation: reservation as ReservationId } });
const runsIn = (events: readonly AllocationEvent[]) =>
  events.flatMap((event) =>
    event.type === 'Placed'
      ? Array.from(agentRunsIn(event.data.agents), ([agent, , count]) => `${'?abc'[agent]!} ${count}`)
      : [],
  );
const idle = (state: ReturnType<typeof allocation.initialState>) =>
  Object.fromEntries(reservedOn(state, 1).map(({ id, idle: left }) => [id, left.cpusMilli / 1000]));

const ledger = specificationOf(allocation).given(opened(a), opened(b));

describe('what is reserved', () => {
  const reserved = ledger.given(made('1.0', a, 'eng', 3));

  it('is free for nobody else, and they are told so', () => {
    reserved
      .when(asked(request('w.1', 'ops', 6)))
      .thenEvents((events) => expect(runsIn(events)).toEqual(['a 1', 'b 4']))
      .thenState((state) => {
        expect(idle(state)).toEqual({ '1.0': 3 });
        expect(explainPending(state, 'w.1' as RequestId)!.funnel.find(({ filter }) => filter === 'cpus')).toEqual({
          ...{ filter: 'cpus', rejected: 2, left: 0 },
        });
      });
  });

  it('is used first by its role and by roles below it, then what is free anywhere', () => {
    reserved
      .when(asked(request('w.1', 'eng', 2)))
      .thenEvents((events) => expect(runsIn(events)).toEqual(['a 2']))
      .thenState((state) => expect(idle(state)).toEqual({ '1.0': 1 }));
    reserved
      .when(asked(request('w.1', 'eng/search', 8)))
      .thenEvents((events) => expect(runsIn(events)).toEqual(['a 4', 'b 4']))
      .thenState((state) => expect(idle(state)).toEqual({ '1.0': 0 }));
  });

  it('is kept again when it is given back', () => {
    reserved
      .when(asked(request('w.1', 'eng', 2)))
      .when(returned([[1, 0, 0]]))
      .thenState((state) => expect(idle(state)).toEqual({ '1.0': 2 }))
      .when(asked(request('x.1', 'ops', 9)))
      .thenEvents((events) => expect(runsIn(events)).toEqual(['a 1', 'b 4']));
  });

  it('lets who waited go on when it ends', () => {
    reserved
      .when(asked(request('w.1', 'ops', 6)))
      .when(unreserve('1.0'))
      .then({ type: 'ReservationEnded', data: { reservations: ['1.0' as ReservationId] } })
      .when(goOn)
      .thenEvents((events) => expect(runsIn(events)).toEqual(['a 1']));
  });

  it('counts against its own level first, then against those above', () => {
    ledger
      .given(made('1.0', a, 'eng', 2), made('1.1', a, 'eng/search', 1))
      .when(asked(request('w.1', 'eng/search', 2)))
      .thenState((state) => expect(idle(state)).toEqual({ '1.0': 1, '1.1': 0 }))
      .when(returned([[1, 0, 0]]))
      .thenState((state) => expect(idle(state)).toEqual({ '1.0': 2, '1.1': 0 }));
  });

  it('keeps devices too, whichever they are', () => {
    const gpu = { needs: { ...request('w.1', 'ops', 1).needs, cpusMilli: 0, gpus: 1 } };
    specificationOf(allocation)
      .given(opened(a, 4, ['g0', 'g1', 'g2']))
      .when(reserve({ agent: a, role: role('ml'), resources: { gpus: 2 } }))
      .when(asked(request('w.1', 'ops', 3, gpu)))
      .thenEvents((events) => expect(runsIn(events)).toEqual(['a 1']))
      .when(asked(request('m.1', 'ml', 3, gpu)))
      .thenEvents((events) => expect(runsIn(events)).toEqual(['a 2']));
  });

  it('is seen by a dry run as by the round', () => {
    reserved.thenState((state) => {
      expect(predictPlacement(state, request('w.1', 'ops', 9)).places).toHaveLength(5);
      expect(predictPlacement(state, request('w.1', 'eng', 9)).places).toHaveLength(8);
      expect(predictPlacement(state, request('w.1', 'ops', 9)).places).toHaveLength(5);
    });
  });

  it('is gone with its agent', () => {
    reserved
      .given({ type: 'AgentClosed', data: { agent: a, reason: 'gone' } })
      .thenState((state) => expect(state.reservations.size).toBe(0));
  });
});

describe('reserving', () => {
  it('needs no offer: an agent, a role, an amount', () => {
    ledger
      .when(reserve({ agent: a, role: role('eng'), resources: { cpus: 1.5, memory: 64 }, labels: { team: 'x' } }))
      .then({
        type: 'ReservationMade',
        data: {
          ...{ reservation: '1.0' as ReservationId, agent: a, role: role('eng'), labels: { team: 'x' } },
          resources: amounts(1500, 64),
        },
      });
  });

  it('is refused beyond what is free and not reserved, with numbers', () => {
    ledger
      .given(made('1.0', a, 'eng', 2))
      .when(asked(request('w.1', 'ops', 1, { constraints: [{ field: 'hostname', operator: 'IS', value: 'a' }] })))
      .when(reserve({ agent: a, role: role('ops'), resources: { cpus: 2 } }))
      .thenRefused('reservation-too-large', ({ message }) =>
        expect(message).toBe('2 cpus would be reserved, 1 cpus are free and not reserved there'),
      );
  });

  it('is refused on unknown agents, for everyone, and of nothing', () => {
    ledger
      .when(reserve({ agent: 'z' as AgentId, role: role('eng'), resources: { cpus: 1 } }))
      .thenRefused('unknown-agent');
    ledger.when(reserve({ agent: a, role: role('*'), resources: { cpus: 1 } })).thenRefused('invalid-field');
    ledger.when(reserve({ agent: a, role: role('eng'), resources: { cpus: 0 } })).thenRefused('invalid-field');
  });

  it('refines a reservation for a role below, and gives back to it', () => {
    const refines = '1.0' as ReservationId;
    ledger
      .given(made('1.0', a, 'eng', 3))
      .when(reserve({ agent: a, role: role('eng/search'), resources: { cpus: 2 }, refines }), { seq: 2 })
      .thenState((state) => expect(idle(state)).toEqual({ '1.0': 1, '2.0': 2 }))
      .when(unreserve('1.0'))
      .thenRefused('reservation-in-use', ({ message }) => expect(message).toContain('2.0 were refined'))
      .when(unreserve('2.0'))
      .thenState((state) => expect(idle(state)).toEqual({ '1.0': 3 }));
  });

  it('refuses to refine for others, from nowhere, and more than is idle', () => {
    const refining = (of: string, cpus: number, refines = '1.0') =>
      reserve({ agent: a, role: role(of), resources: { cpus }, refines: refines as ReservationId });
    const reserved = ledger.given(made('1.0', a, 'eng', 3));
    reserved.when(refining('ops', 1)).thenRefused('reservation-overlaps');
    reserved.when(refining('eng', 1)).thenRefused('reservation-overlaps');
    reserved.when(refining('eng/x', 1, '9.9')).thenRefused('unknown-reservation');
    reserved
      .when(asked(request('w.1', 'eng', 2)))
      .when(refining('eng/x', 2))
      .thenRefused('reservation-too-large', ({ message }) =>
        expect(message).toBe('2 cpus would be refined, 1 cpus of 1.0 are not in use'),
      );
  });

  it('is not ended while it is in use', () => {
    ledger
      .given(made('1.0', a, 'eng', 3))
      .when(asked(request('w.1', 'eng', 2)))
      .when(unreserve('1.0'))
      .thenRefused('reservation-in-use', ({ message }) => expect(message).toBe('2 cpus of 1.0 are in use'))
      .when(unreserve('7.7'))
      .thenRefused('unknown-reservation');
  });
});
