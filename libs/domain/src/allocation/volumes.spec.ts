import type {
  AgentId,
  AllocationEvent,
  AllocationEventOf,
  PlacementRequest,
  RequestId,
  RoleName,
  ServiceName,
  VolumeId,
} from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { allocation } from './decide.js';
import { asked, foreign, goOn, order } from './examples.js';
import { explainPending } from './views.js';

const a = 'a' as AgentId;
const b = 'b' as AgentId;
const web = 'web' as ServiceName;
const volume = '1.1' as VolumeId;
const opened = (agent: AgentId): AllocationEvent => ({
  type: 'AgentOpened',
  data: {
    ...{ agent, number: agent.charCodeAt(0) - 96, epoch: 3, hostname: agent, attributes: {} },
    capacity: { cpusMilli: 4000, memoryMib: 4000, diskMib: 100, gpuIds: [], ports: [] },
    faultDomain: { region: 'eu', zone: 'a' },
  },
});
const request = (
  name: string,
  indexes: [number, number][],
  more: Partial<PlacementRequest> = {},
): PlacementRequest => ({
  ...{ request: name as RequestId, service: web, generation: 7, role: 'eng' as RoleName, pod: 'node', indexes },
  needs: {
    ...{ cpusMilli: 1000, memoryMib: 0, diskMib: 0, gpus: 0, ports: [] },
    volumes: [{ name: 'data', path: 'data', type: 'ROOT', sizeMib: 60 }],
  },
  ...{ constraints: [], policy: 'spread', attempt: 1, avoid: [], replaces: [] },
  ...more,
});
const returned = (...grants: number[][]) =>
  foreign({ type: 'GrantReturned', data: { service: web, generation: 7, grants } });
const adopt = (pod: string, agent = a) => order({ type: 'AdoptVolume', body: { agent, volume, service: web, pod } });
const destroy = (agent = a, id = volume) => order({ type: 'DestroyVolume', body: { agent, volume: id } });
const placedIn = (events: readonly AllocationEvent[]) =>
  events.flatMap((event) =>
    event.type === 'Placed'
      ? [
          {
            indexes: event.data.indexes,
            agents: event.data.agents.numbers,
            volumes: event.data.volumes,
          },
        ]
      : [],
  );

/** Pod 0 had a volume on agent a, and left it behind. */
const left = () =>
  specificationOf(allocation)
    .given(opened(a))
    .when(asked(request('w.1', [[0, 0]])))
    .when(returned([1, 0, 0]))
    .when(
      foreign({
        type: 'AgentRegistered',
        data: { ...(opened(b).data as AllocationEventOf<'AgentOpened'>['data']), session: 's', address: '::1' },
      }),
    );

describe('a volume that outlived its pod', () => {
  it("is nobody else's by itself: the next pod gets one of its own", () => {
    left()
      .when(asked(request('w.2', [[0, 0]])), { seq: 9 })
      .thenEvents((events) => {
        const [placed] = placedIn(events);
        expect(placed).toMatchObject({ agents: [2], volumes: [[{ volume: '9.1' }]] });
      });
  });

  it('brings the pod that adopts it to its agent, and is its own from then on', () => {
    left()
      .when(adopt('node-1'))
      .then({ type: 'VolumeAdopted', data: { volume, service: web, pod: 'node', index: 1 } })
      .when(adopt('node-1'))
      .thenNothing()
      .when(asked(request('w.2', [[0, 1]])))
      .thenEvents((events) => {
        expect(placedIn(events)).toMatchObject([
          { indexes: [[1, 1]], agents: [1], volumes: [[{ volume, sizeMib: 60 }]] },
          { indexes: [[0, 0]], agents: [2] },
        ]);
      })
      .thenState((state) => {
        expect(state.volumes.get(volume)).toMatchObject({ state: 'held', index: 1 });
        expect(state.volumes.get(volume)).not.toHaveProperty('adopter');
        expect(state.agents.fleet.diskMib[1]).toBe(40);
      })
      .when(adopt('node-0'))
      .thenRefused('volume-in-use', ({ message }) => expect(message).toBe('volume 1.1 is held by web node-1'));
  });

  it('lets a pod that waits look again, and says why it can go nowhere else', () => {
    left()
      .when(adopt('node-0'))
      .when(foreign({ type: 'AgentUnreachable', data: { agent: a, epoch: 3, at: 0 } }))
      .when(asked(request('w.2', [[0, 0]])))
      .thenState((state) => {
        const reasons = state.requests.get('w.2' as RequestId)!.reasons!;
        expect(reasons.examples.find(({ agent }) => agent === b)!.message).toBe('its volume is on a');
        expect(explainPending(state, 'w.2' as RequestId)!.funnel).toContainEqual({
          ...{ filter: 'volume', rejected: 1, left: 0 },
        });
      })
      .when(foreign({ type: 'AgentReturned', data: { agent: a, epoch: 3 } }))
      .when(goOn)
      .thenEvents((events) => expect(placedIn(events)).toMatchObject([{ agents: [1], volumes: [[{ volume }]] }]));
  });

  it('is destroyed in two steps, on order alone', () => {
    left()
      .when(destroy())
      .then({ type: 'VolumeDestroying', data: { agent: a, epoch: 3, volumes: [volume] } })
      .when(destroy())
      .thenNothing()
      .when(adopt('node-0'))
      .thenRefused('volume-in-use')
      .thenState((state) => expect(state.agents.fleet.diskMib[1]).toBe(40))
      .when(foreign({ type: 'VolumesGone', data: { agent: a, epoch: 3, volumes: [volume] } }))
      .then({ type: 'VolumeDestroyed', data: { agent: a, volumes: [volume] } })
      .thenState((state) => {
        expect(state.volumes.size).toBe(0);
        expect(state.agents.fleet.diskMib[1]).toBe(100);
      });
  });

  it('went with its agent: destroying it forgets it', () => {
    left()
      .when(foreign({ type: 'AgentGone', data: { agent: a, epoch: 3 } }))
      .when(destroy())
      .then({ type: 'VolumeDestroyed', data: { agent: a, volumes: [volume] } })
      .thenState((state) => expect(state.volumes.size).toBe(0));
  });
});

describe('a volume that a pod holds', () => {
  it('is neither destroyed nor adopted', () => {
    const held = specificationOf(allocation)
      .given(opened(a))
      .when(asked(request('w.1', [[0, 0]])));
    held.when(destroy()).thenRefused('volume-in-use', ({ message }) => expect(message).toContain('held by web node-0'));
    held.when(adopt('node-3')).thenRefused('volume-in-use');
    held.when(destroy(a, '7.7' as VolumeId)).thenRefused('unknown-volume');
    held.when(destroy('z' as AgentId)).thenRefused('unknown-volume');
  });
});
