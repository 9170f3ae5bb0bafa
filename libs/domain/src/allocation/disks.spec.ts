import {
  type AgentId,
  type AllocationEvent,
  type AllocationEventOf,
  type Disk,
  type GrantId,
  type PlacementRequest,
  type RequestId,
  type RoleName,
  type ServiceName,
  type VolumeId,
  type VolumeNeed,
  agentRunsIn,
  agentRunsOf,
} from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { allocation } from './decide.js';
import { asked, foreign, goOn, order } from './examples.js';
import { allocationViolations } from './invariants.js';
import { ledgerOf } from './state.js';
import { disksFreeOn, explainPending, usedByRole, usedOnAgent } from './views.js';

const a = 'a' as AgentId;
const b = 'b' as AgentId;
const eng = 'eng' as RoleName;
const numberOf = (agent: AgentId) => agent.charCodeAt(0) - 96;
const opened = (agent: AgentId, ...disks: Disk[]): AllocationEvent => ({
  type: 'AgentOpened',
  data: {
    ...{ agent, number: numberOf(agent), epoch: 3, hostname: agent, attributes: {} },
    capacity: { cpusMilli: 4000, memoryMib: 4000, diskMib: 100, gpuIds: [], ports: [], disks },
    faultDomain: { region: 'eu', zone: 'a' },
  },
});
const mount = (name: string, sizeMib: number): Disk => ({ name, path: `/${name}`, type: 'MOUNT', sizeMib });
const path = (name: string, sizeMib: number): Disk => ({ name, path: `/${name}`, type: 'PATH', sizeMib });
const data = (more: Partial<VolumeNeed>): VolumeNeed => ({
  ...{ name: 'data', path: 'data', type: 'ROOT', sizeMib: 60 },
  ...more,
});
const request = (id: string, volume: Partial<VolumeNeed>, more: Partial<PlacementRequest> = {}): PlacementRequest => ({
  ...{ request: id as RequestId, service: 'web' as ServiceName, generation: 7, role: eng, pod: 'node' },
  indexes: [[0, 0]],
  needs: { ...{ cpusMilli: 1000, memoryMib: 0, diskMib: 0, gpus: 0, ports: [] }, volumes: [data(volume)] },
  ...{ constraints: [], policy: 'spread', attempt: 1, avoid: [], replaces: [] },
  ...more,
});
const returned = (service: string, ...grants: number[][]) =>
  foreign({
    type: 'GrantReturned',
    data: { service: service as ServiceName, generation: 7, grants, destroyVolumes: true },
  });
const destroy = (agent: AgentId, volume: string) =>
  order({ type: 'DestroyVolume', body: { agent, volume: volume as VolumeId } });
const placedIn = (events: readonly AllocationEvent[]) =>
  events.flatMap((event) => (event.type === 'Placed' ? [event.data] : []));
const volumesIn = (events: readonly AllocationEvent[]) =>
  placedIn(events).flatMap(({ volumes = [] }) => volumes.flat().map(({ volume, disk }) => ({ volume, disk })));
const typesOf = (events: readonly AllocationEvent[]) => events.map(({ type }) => type);
const ledger = specificationOf(allocation);
const sound = (state: ReturnType<typeof allocation.initialState>) => expect(allocationViolations(state)).toEqual([]);

describe('a volume on a disk of its own', () => {
  it('of type MOUNT has a whole disk, the smallest that fits, and leaves the disk of the agent alone', () => {
    ledger
      .given(opened(a, mount('d1', 500), mount('d2', 80), mount('d3', 40)))
      .when(asked(request('w.1', { type: 'MOUNT' })))
      .thenEvents((events) => expect(volumesIn(events)).toEqual([{ volume: '1.1', disk: 'd2' }]))
      .thenState((state) => {
        sound(state);
        expect(usedOnAgent(state, a)!.diskMib).toBe(0);
        expect(Object.fromEntries(disksFreeOn(state, a))).toEqual({ d1: 500, d2: 0, d3: 40 });
        expect(usedByRole(state, eng).diskMib).toBe(60);
        expect(ledgerOf(state).capacity.diskMib).toBe(100 + 620);
      })
      .when(asked(request('w.2', { type: 'MOUNT' })))
      .thenEvents((events) => expect(volumesIn(events)).toEqual([{ volume: '2.1', disk: 'd1' }]))
      .when(asked(request('w.3', { type: 'MOUNT' })))
      .thenState((state) => {
        sound(state);
        const reasons = explainPending(state, 'w.3' as RequestId)!;
        expect(reasons.funnel.find(({ filter }) => filter === 'disks')).toMatchObject({ rejected: 1, left: 0 });
        expect(reasons.examples[0]!.message).toBe(
          'needs a MOUNT disk of 60 MiB: d1 has 0 of 500 MiB free, d2 has 0 of 80 MiB free, d3 has 40 of 40 MiB free',
        );
      });
  });

  it('of type PATH has its part of the disk that it names', () => {
    ledger
      .given(opened(a, path('d1', 500), path('d2', 100)))
      .when(asked(request('w.1', { type: 'PATH', disk: 'd1' })))
      .thenEvents((events) => expect(volumesIn(events)).toEqual([{ volume: '1.1', disk: 'd1' }]))
      .when(asked(request('w.2', { type: 'PATH', disk: 'd2', sizeMib: 101 })))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['RequestQueued', 'PlacementPending']))
      .thenState((state) => {
        sound(state);
        expect(explainPending(state, 'w.2' as RequestId)!.examples[0]!.message).toBe(
          'needs 101 MiB of the PATH disk d2: d2 has 100 of 100 MiB free',
        );
      });
  });

  it('goes where such a disk is, pod by pod, and waits where there is none', () => {
    ledger
      .given(opened(a), opened(b, mount('d1', 100), mount('d2', 100)))
      .when(asked(request('w.1', { type: 'MOUNT' }, { indexes: [[0, 2]] })))
      .thenEvents((events) => {
        expect([...agentRunsIn(placedIn(events)[0]!.agents)]).toEqual([[2, 3, 2]]);
        expect(volumesIn(events).map(({ disk }) => disk)).toEqual(['d1', 'd2']);
      })
      .thenState(sound);
  });

  it('gives its disk back when it was destroyed, and keeps it when its pod leaves it behind', () => {
    const placed = ledger.given(opened(a, mount('d1', 100))).when(asked(request('w.1', { type: 'MOUNT' })));
    placed
      .when(
        foreign({
          type: 'GrantReturned',
          data: { service: 'web' as ServiceName, generation: 7, grants: [[1, 0, 0]] },
        }),
      )
      .thenState((state) => {
        sound(state);
        expect(disksFreeOn(state, a).get('d1')).toBe(0);
      })
      .when(destroy(a, '1.1'))
      .when(foreign({ type: 'VolumesGone', data: { agent: a, epoch: 3, volumes: ['1.1' as VolumeId] } }))
      .thenState((state) => {
        sound(state);
        expect(disksFreeOn(state, a).get('d1')).toBe(100);
      });
  });

  it('is adopted with its disk', () => {
    ledger
      .given(opened(a, mount('d1', 100)))
      .when(asked(request('w.1', { type: 'MOUNT' })))
      .when(
        foreign({
          type: 'GrantReturned',
          data: { service: 'web' as ServiceName, generation: 7, grants: [[1, 0, 0]] },
        }),
      )
      .when(
        order({
          type: 'AdoptVolume',
          body: { agent: a, volume: '1.1' as VolumeId, service: 'web' as ServiceName, pod: 'node-0' },
        }),
      )
      .when(asked(request('w.2', { type: 'MOUNT' })))
      .thenEvents((events) => expect(volumesIn(events)).toEqual([{ volume: '1.1', disk: 'd1' }]))
      .thenState(sound);
  });

  it('is still there when its agent comes back with other disks', () => {
    const { data: again } = opened(a, path('d1', 50)) as { data: AllocationEventOf<'AgentOpened'>['data'] };
    ledger
      .given(opened(a, path('d1', 100)))
      .when(asked(request('w.1', { type: 'PATH' })))
      .when(foreign({ type: 'AgentRegistered', data: { ...again, session: 's', address: '::1' } }))
      .thenState((state) => {
        sound(state);
        expect(state.agents.get(a)!.shrunk).toBe(true);
        expect(disksFreeOn(state, a).get('d1')).toBe(-10);
      });
  });
});

describe('a shared volume', () => {
  const shared = { shared: true } as const;

  it('is made by the first pod, and mounted by the others where it is', () => {
    ledger
      .given(opened(a), opened(b))
      .when(asked(request('w.1', shared, { indexes: [[0, 2]] })))
      .thenEvents((events) => expect(placedIn(events).map(({ indexes }) => indexes)).toEqual([[[0, 0]]]))
      .when(goOn)
      .thenEvents((events) => {
        expect(placedIn(events)[0]).toMatchObject({ indexes: [[1, 2]], agents: agentRunsOf([[1, 3, 2]]) });
        expect(volumesIn(events).map(({ volume }) => volume)).toEqual(['1.1', '1.1']);
      })
      .thenState((state) => {
        sound(state);
        expect(state.volumes.get('1.1' as VolumeId)).toMatchObject({ users: 3, state: 'held', service: 'web' });
        expect(usedOnAgent(state, a)!.diskMib).toBe(60);
        expect(usedByRole(state, eng).diskMib).toBe(60);
      });
  });

  it('is found where it is by a pod that would have asked for another type', () => {
    ledger
      .given(opened(a))
      .when(asked(request('w.1', { ...shared, sizeMib: 90 })))
      .when(
        asked(
          request(
            'x.1',
            { ...shared, of: 'web', type: 'PATH', sizeMib: 90 },
            {
              service: 'api' as ServiceName,
              needs: {
                ...{ cpusMilli: 0, memoryMib: 0, diskMib: 50, gpus: 0, ports: [] },
                volumes: [data({ ...shared, of: 'web', type: 'PATH', sizeMib: 90 })],
              },
            },
          ),
        ),
      )
      .thenEvents((events) => expect(typesOf(events)).toEqual(['RequestQueued', 'PlacementPending']))
      .thenState(sound);
  });

  it('waits for room where it is', () => {
    ledger
      .given(opened(a), opened(b))
      .when(asked(request('w.1', shared, { indexes: [[0, 5]] })))
      .when(goOn)
      .thenState((state) => {
        sound(state);
        expect(state.requests.get('w.1' as RequestId)!.indexes).toEqual([[4, 5]]);
        expect(allocation.continues!(state)).toBe(false);
        expect(explainPending(state, 'w.1' as RequestId)!.funnel).toContainEqual({
          filter: 'volume',
          rejected: 1,
          left: 1,
        });
      });
  });

  it('is mounted by another service of the role that names its owner, and by none of another role', () => {
    const other = { service: 'api' as ServiceName };
    const needs = { ...shared, of: 'web' };
    const owned = ledger.given(opened(a), opened(b)).when(asked(request('w.1', shared)));
    owned
      .when(asked(request('x.1', needs, other)))
      .thenEvents((events) => expect(volumesIn(events).map(({ volume }) => volume)).toEqual(['1.1']))
      .when(asked(request('x.2', needs, { ...other, role: 'ops' as RoleName })))
      .thenState((state) => {
        sound(state);
        expect(explainPending(state, 'x.2' as RequestId)!.remedy).toContain(
          'web has no shared volume data in role ops: deploy its owner first',
        );
      });
  });

  it('is waited for until its owner is there', () => {
    ledger
      .given(opened(a), opened(b))
      .when(asked(request('x.1', { ...shared, of: 'web' }, { service: 'api' as ServiceName })))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['RequestQueued', 'PlacementPending']))
      .when(asked(request('w.1', shared)))
      .thenState((state) => expect(allocation.continues!(state)).toBe(true))
      .when(goOn)
      .thenEvents((events) => expect(volumesIn(events).map(({ volume }) => volume)).toEqual(['2.1']))
      .thenState(sound);
  });

  it('goes with the last pod of its owner, whatever the order in which they come back', () => {
    ledger
      .given(opened(a))
      .when(asked(request('w.1', shared, { indexes: [[0, 2]] })))
      .when(goOn)
      .when(returned('web', [1, 0, 0], [2, 0, 1]))
      .thenEvents((events) => {
        expect(typesOf(events)).toEqual(['VolumeDestroying', 'GrantReleased']);
        expect(events[0]!.data).toMatchObject({ volumes: ['1.1'], grant: '2.1' });
      })
      .thenState(sound)
      .when(foreign({ type: 'VolumesGone', data: { agent: a, epoch: 3, volumes: ['1.1' as VolumeId] } }))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['VolumeDestroyed', 'GrantReleased']))
      .thenState((state) => {
        sound(state);
        expect(state.volumes.size).toBe(0);
        expect(state.lots.find('2.1' as GrantId)).toBeUndefined();
        expect(usedByRole(state, eng).diskMib).toBe(0);
      });
  });

  it('is charged to its role also where its last pod was on call', () => {
    ledger
      .given(opened(a))
      .when(asked(request('w.1', shared, { revocable: true })))
      .when(returned('web', [1, 0, 0]))
      .when(foreign({ type: 'VolumesGone', data: { agent: a, epoch: 3, volumes: ['1.1' as VolumeId] } }))
      .thenState((state) => {
        sound(state);
        expect(usedByRole(state, eng).diskMib).toBe(0);
      });
  });

  it('outlives its owner as long as others mount it, is not destroyed under them, and then only by order', () => {
    const other = { service: 'api' as ServiceName };
    ledger
      .given(opened(a))
      .when(asked(request('w.1', shared)))
      .when(asked(request('x.1', { ...shared, of: 'web' }, other)))
      .when(returned('web', [1, 0, 0]))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['GrantReleased']))
      .when(destroy(a, '1.1'))
      .thenRefused('volume-in-use', ({ message }) => expect(message).toContain('is mounted by 1 pods'))
      .when(returned('api', [2, 0, 0]))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['GrantReleased']))
      .thenState((state) => {
        sound(state);
        expect(state.volumes.get('1.1' as VolumeId)).toMatchObject({ users: 0, state: 'detached' });
        expect(usedByRole(state, eng).diskMib).toBe(0);
      })
      .when(
        order({
          type: 'AdoptVolume',
          body: { agent: a, volume: '1.1' as VolumeId, service: 'web' as ServiceName, pod: 'node-0' },
        }),
      )
      .thenRefused('volume-is-shared')
      .when(destroy(a, '1.1'))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['VolumeDestroying']));
  });

  it('of an earlier life of its owner is not mounted by the next one', () => {
    ledger
      .given(opened(a))
      .when(asked(request('w.1', shared)))
      .when(
        foreign({
          type: 'GrantReturned',
          data: { service: 'web' as ServiceName, generation: 7, grants: [[1, 0, 0]] },
        }),
      )
      .when(asked(request('w.2', { ...shared, sizeMib: 10 }, { generation: 8 })))
      .thenEvents((events) => expect(volumesIn(events).map(({ volume }) => volume)).toEqual(['3.1']))
      .thenState(sound);
  });

  it('counts for the quota of its role when it is made', () => {
    ledger
      .given(opened(a))
      .given({ type: 'RoleSet', data: { role: eng, weight: 1 } })
      .given({ type: 'QuotaSet', data: { role: eng, limit: { diskMib: 59 }, cells: 1 } })
      .when(asked(request('w.1', shared)))
      .thenEvents((events) => expect(typesOf(events)).toEqual(['RequestQueued', 'PlacementPending']))
      .thenState((state) => expect(explainPending(state, 'w.1' as RequestId)!.quota).toMatchObject({ kind: 'limit' }));
  });
});
