import type {
  AgentId,
  AllocationEvent,
  Disk,
  GivenReserved,
  PlacementRequest,
  PodNeeds,
  RequestId,
  Reserved,
  ReservationId,
  RoleName,
  ServiceName,
  StaticReservation,
} from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { allocation } from './decide.js';
import { asked, foreign, goOn, order } from './examples.js';
import { allocationViolations } from './invariants.js';
import { reservationViews } from './sharing-views.js';
import { explainPending } from './views.js';

// Ports and disks in reservations, and reservations that agents declare.

const role = (name: string) => name as RoleName;
const a = 'a' as AgentId;
const disks: Disk[] = [
  { name: 'fast', path: '/fast', type: 'MOUNT', sizeMib: 500 },
  { name: 'slow', path: '/slow', type: 'PATH', sizeMib: 900 },
];
const facts = (ports: [number, number][] = [[9000, 9009]]) => ({
  hostname: 'a',
  address: '::1',
  capacity: { cpusMilli: 8000, memoryMib: 8000, diskMib: 8000, gpuIds: [], ports, disks },
  attributes: {},
  faultDomain: { region: 'eu', zone: 'a' },
});
const registered = (reservations: StaticReservation[] = [], more: Partial<ReturnType<typeof facts>> = {}) =>
  foreign({
    type: 'AgentRegistered',
    data: { agent: a, number: 1, epoch: 1, session: 's', ...facts(), ...more, reservations },
  });
const reserved = (more: Partial<Reserved>): Reserved => ({
  ...{ cpusMilli: 0, memoryMib: 0, diskMib: 0, gpus: 0 },
  ...more,
});
const declared = (of: string, more: Partial<Reserved>, labels = {}): StaticReservation => ({
  ...{ role: role(of), resources: reserved(more), labels },
});
const request = (name: string, of: string, needs: Partial<PodNeeds>, count = 1): PlacementRequest => ({
  ...{ request: name as RequestId, service: 'web' as ServiceName, generation: 7, role: role(of), pod: name[0]! },
  indexes: [[0, count - 1]],
  needs: { cpusMilli: 100, memoryMib: 0, diskMib: 0, gpus: 0, ports: [], volumes: [], ...needs },
  ...{ constraints: [], policy: 'spread', attempt: 1, avoid: [], replaces: [] },
});
const port = (number: number) => ({ ports: [{ name: 't.p', port: number }] });
const volume = (type: 'PATH' | 'MOUNT', sizeMib = 100) => ({
  volumes: [{ name: 'data', path: 'data', type, sizeMib }],
});
const reserve = (of: string, resources: GivenReserved, refines?: string) =>
  order({
    type: 'Reserve',
    body: {
      ...{ agent: a, role: role(of), resources },
      ...(refines === undefined ? {} : { refines: refines as ReservationId }),
    },
  });
const unreserve = (reservation: string) =>
  order({ type: 'Unreserve', body: { agent: a, reservation: reservation as ReservationId } });
const returned = (...grants: number[][]) =>
  foreign({ type: 'GrantReturned', data: { service: 'web' as ServiceName, generation: 7, grants } });
const portsIn = (events: readonly AllocationEvent[]) =>
  events.flatMap((event) => (event.type === 'Placed' ? (event.data.ports?.['t.p'] ?? []) : []));
const typesOf = (events: readonly AllocationEvent[]) => events.map(({ type }) => type);
const sound = (state: ReturnType<typeof allocation.initialState>) => expect(allocationViolations(state)).toEqual([]);
const kept = (state: ReturnType<typeof allocation.initialState>) =>
  Object.fromEntries(Array.from(reservationViews(state), ({ reservation, resources }) => [reservation, resources]));

const ledger = specificationOf(allocation);
const opened = () => ledger.when(registered(), { seq: 1 });

describe('ports in a reservation', () => {
  const withPorts = () => opened().when(reserve('eng', { ports: [{ begin: 9002, end: 9004 }] }), { seq: 2 });

  it('are for its role and those below, and for nobody else', () => {
    withPorts()
      .when(asked(request('o.1', 'ops', port(0), 8)))
      .thenEvents((events) => expect(portsIn(events)).toEqual([9000, 9001, 9005, 9006, 9007, 9008, 9009]))
      .when(asked(request('e.1', 'eng/search', port(0), 4)))
      .thenEvents((events) => expect(portsIn(events)).toEqual([9002, 9003, 9004]))
      .thenState(sound);
  });

  it('are refused to others by number, and they are told why', () => {
    withPorts()
      .when(asked(request('o.1', 'ops', port(9003))))
      .thenState((state) =>
        expect(explainPending(state, 'o.1' as RequestId)!.examples[0]!.message).toBe(
          'port 9003 (t.p) is reserved for others',
        ),
      )
      .when(asked(request('e.1', 'eng', port(9003))))
      .thenEvents((events) => expect(portsIn(events)).toEqual([9003]))
      .thenState((state) => {
        expect([...reservationViews(state)][0]!.idle.ports).toEqual([
          [9002, 9002],
          [9004, 9004],
        ]);
        sound(state);
      });
  });

  it('let who waited go on when it ends', () => {
    withPorts()
      .when(asked(request('o.1', 'ops', port(9003))))
      .when(unreserve('2.0'))
      .when(goOn)
      .thenEvents((events) => expect(portsIn(events)).toEqual([9003]));
  });

  it('stay reserved while they are in use, and come back to it', () => {
    withPorts()
      .when(asked(request('e.1', 'eng', port(9003))), { seq: 3 })
      .when(unreserve('2.0'))
      .thenRefused('reservation-in-use', ({ message }) => expect(message).toBe('ports 9003 of 2.0 are in use'))
      .when(returned([3, 0, 0]))
      .when(asked(request('o.1', 'ops', port(9003))))
      .thenEvents((events) => expect(portsIn(events)).toEqual([]))
      .thenState(sound);
  });

  it('are in one reservation only, unless one refines it', () => {
    withPorts()
      .when(reserve('ops', { ports: [{ begin: 9004, end: 9006 }] }))
      .thenRefused('reservation-overlaps', ({ message, field }) => {
        expect(message).toBe('ports 9004 are in reservation 2.0 of eng');
        expect(field).toBe('/resources/ports');
      });
    withPorts()
      .when(reserve('eng/search', { ports: [{ begin: 9004, end: 9004 }] }, '2.0'), { seq: 3 })
      .thenState((state) => {
        expect(kept(state)).toEqual({
          '2.0': reserved({ ports: [[9002, 9003]] }),
          '3.0': reserved({ ports: [[9004, 9004]] }),
        });
        sound(state);
      })
      .when(asked(request('e.1', 'eng', port(9004))))
      .thenEvents((events) => expect(portsIn(events)).toEqual([]))
      .when(unreserve('3.0'))
      .thenState((state) => expect(kept(state)).toEqual({ '2.0': reserved({ ports: [[9002, 9004]] }) }));
  });

  it('are refused where they are not offered, turned around, in use by others, or not there to refine', () => {
    const busy = () => opened().when(asked(request('o.1', 'ops', port(9001))));
    opened()
      .when(reserve('eng', { ports: [{ begin: 9008, end: 9012 }] }))
      .thenRefused('reservation-too-large', ({ message, remedy }) => {
        expect(message).toBe('agent a does not offer ports 9010-9012');
        expect(remedy).toBe('it offers 9000-9009');
      });
    opened()
      .when(reserve('eng', { ports: [{ begin: 9004, end: 9002 }] }))
      .thenRefused('invalid-field');
    busy()
      .when(reserve('eng', { ports: [{ begin: 9000, end: 9002 }] }))
      .thenRefused('resource-in-use');
    busy()
      .when(reserve('ops', { ports: [{ begin: 9000, end: 9002 }] }))
      .thenState(sound);
    withPorts()
      .when(reserve('eng/search', { ports: [{ begin: 9005, end: 9005 }] }, '2.0'))
      .thenRefused('reservation-too-large', ({ message }) =>
        expect(message).toBe('ports 9005 are not in 2.0, or in use'),
      );
  });
});

describe('a disk in a reservation', () => {
  const withDisk = () => opened().when(reserve('eng', { disks: ['slow'] }), { seq: 2 });

  it('takes volumes of its role and those below, and of nobody else', () => {
    withDisk()
      .when(asked(request('o.1', 'ops', volume('PATH'))))
      .thenState((state) =>
        expect(explainPending(state, 'o.1' as RequestId)!.examples[0]!.message).toBe(
          'needs 100 MiB of a PATH disk: slow is reserved for others',
        ),
      )
      .when(asked(request('e.1', 'eng/search', volume('PATH'))))
      .thenState((state) => {
        expect(state.volumes.size).toBe(1);
        expect([...reservationViews(state)][0]!.idle.disks).toBeUndefined();
        sound(state);
      })
      .when(unreserve('2.0'))
      .thenRefused('reservation-in-use');
  });

  it('is one that the agent declares, and in one reservation only', () => {
    withDisk()
      .when(reserve('ops', { disks: ['slow'] }))
      .thenRefused('reservation-overlaps');
    withDisk()
      .when(reserve('ops', { disks: ['other'] }))
      .thenRefused('unknown-disk', ({ remedy }) => expect(remedy).toBe('it declares fast, slow'));
    opened()
      .when(asked(request('o.1', 'ops', volume('MOUNT'))))
      .when(reserve('eng', { disks: ['fast'] }))
      .thenRefused('resource-in-use', ({ message }) =>
        expect(message).toBe('disks fast are in use by other roles than eng'),
      );
  });
});

describe('what an agent declares to be reserved', () => {
  const eng = declared('eng', { cpusMilli: 4000, ports: [[9002, 9004]] });
  const started = () => ledger.when(registered([eng]), { seq: 1 });

  it('is there with the agent, and for nobody else', () => {
    started()
      .thenEvents((events) => expect(typesOf(events)).toEqual(['AgentOpened', 'ReservationMade']))
      .when(asked(request('o.1', 'ops', { cpusMilli: 1000 }, 8)))
      .thenState((state) => {
        expect(state.roles.get(role('ops'))!.used.cpusMilli).toBe(4000);
        sound(state);
      });
  });

  it('can be refined, and is ended by nobody but its agent', () => {
    started()
      .when(unreserve('1.0'))
      .thenRefused('reservation-declared', ({ message, remedy }) => {
        expect(message).toBe('1.0 is declared by agent a itself');
        expect(remedy).toContain('start a without it');
      })
      .when(reserve('eng/search', { cpus: 1 }, '1.0'), { seq: 2 })
      .when(unreserve('2.0'))
      .thenState((state) => expect(kept(state)).toEqual({ '1.0': eng.resources }));
  });

  it('says nothing new when the agent comes back with the same', () => {
    started()
      .when(reserve('eng/search', { cpus: 1 }, '1.0'), { seq: 2 })
      .when(registered([eng]))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['AgentOpened']))
      .thenState((state) => {
        expect(Object.keys(kept(state))).toEqual(['1.0', '2.0']);
        sound(state);
      });
  });

  it('takes on other amounts as the same reservation, as long as they hold what was refined out of it', () => {
    const refined = () => started().when(reserve('eng/search', { cpus: 3 }, '1.0'), { seq: 2 });
    refined()
      .when(registered([declared('eng', { cpusMilli: 5000 })]))
      .thenState((state) => {
        expect(kept(state)).toEqual({ '1.0': reserved({ cpusMilli: 2000 }), '2.0': reserved({ cpusMilli: 3000 }) });
        sound(state);
      });
    refined()
      .when(registered([declared('eng', { cpusMilli: 2000 })]), { seq: 3 })
      .thenEvents((events) => expect(typesOf(events)).toEqual(['ReservationEnded', 'AgentOpened', 'ReservationMade']))
      .thenState((state) => {
        expect(kept(state)).toEqual({ '3.0': reserved({ cpusMilli: 2000 }) });
        sound(state);
      });
  });

  it('ends when the agent comes back without it; pods stay', () => {
    started()
      .when(asked(request('e.1', 'eng', { ...port(9003), cpusMilli: 2000 })))
      .when(registered([]))
      .thenState((state) => {
        expect(state.reservations.size).toBe(0);
        expect(state.lots.size).toBe(1);
        sound(state);
      });
  });

  it('is the later word: it ends an order for the same ports, and may keep what others still hold', () => {
    opened()
      .when(reserve('ops', { cpus: 1, ports: [{ begin: 9004, end: 9004 }] }), { seq: 2 })
      .when(asked(request('x.1', 'other', { ...port(9002), cpusMilli: 6000 })))
      .when(registered([eng]), { seq: 4 })
      .thenState((state) => {
        expect(Object.keys(kept(state))).toEqual(['4.0']);
        expect(state.agents.get(a)!.pressed).toBe(true);
        sound(state);
      })
      .when(asked(request('o.1', 'ops', { cpusMilli: 1000 })))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['RequestQueued', 'PlacementPending']));
  });

  it('tells several of one role apart by their labels', () => {
    ledger
      .when(registered([declared('eng', { cpusMilli: 1000 }), declared('eng', { cpusMilli: 2000 }, { for: 'night' })]))
      .thenState((state) => {
        expect(state.reservations.size).toBe(2);
        sound(state);
      });
  });
});
