import type {
  AgentId,
  AllocationEvent,
  PlacementRequest,
  RequestId,
  RoleName,
  ServiceName,
  VolumeId,
} from '@orrery/contracts';
import { specificationOf } from '@orrery/testing';
import { ownedBy } from './accounts.js';
import { allocation } from './decide.js';
import { asked, foreign, goOn, order } from './examples.js';

const a = 'a' as AgentId;
const web = 'web' as ServiceName;
const volume = '1.1' as VolumeId;
const opened: AllocationEvent = {
  type: 'AgentOpened',
  data: {
    ...{ agent: a, number: 1, epoch: 3, hostname: a, attributes: {} },
    capacity: { cpusMilli: 4000, memoryMib: 4000, diskMib: 100, gpuIds: [], ports: [] },
    faultDomain: { region: 'eu', zone: 'a' },
  },
};
const request: PlacementRequest = {
  ...{ request: 'w.1' as RequestId, service: web, generation: 7, role: 'eng' as RoleName, pod: 'node' },
  indexes: [[0, 0]],
  needs: {
    ...{ cpusMilli: 1000, memoryMib: 0, diskMib: 0, gpus: 0, ports: [] },
    volumes: [{ name: 'data', path: 'data', type: 'ROOT', sizeMib: 60 }],
  },
  ...{ constraints: [], policy: 'spread', attempt: 1, avoid: [], replaces: [] },
};
const service = { service: web, generation: 7 };
const returned = (destroyVolumes = false) =>
  foreign({ type: 'GrantReturned', data: { ...service, grants: [[1, 0, 0]], destroyVolumes } });
const removed = foreign({ type: 'ServiceRemoved', data: { ...service, leftOn: [] } });
const unreachable = foreign({ type: 'AgentUnreachable', data: { agent: a, epoch: 3, at: 0 } });
const back = foreign({ type: 'AgentReturned', data: { agent: a, epoch: 3 } });
const destroyed = foreign({ type: 'VolumesGone', data: { agent: a, epoch: 3, volumes: [volume] } });
const accounted = (reservations: number, volumes: number): AllocationEvent => ({
  type: 'ServiceAccounted',
  data: { ...service, reservations, volumes, agents: reservations + volumes > 0 ? [a] : [] },
});

const placed = () => specificationOf(allocation).given(opened).when(asked(request));

describe('the account of a service that was removed', () => {
  it('closes with nothing when everything was given back', () => {
    placed()
      .when(returned(true))
      .when(destroyed)
      .when(removed)
      .then(accounted(0, 0))
      .thenState((state) => expect(state.accounts.size).toBe(0));
  });

  it('destroys volumes that its pods left behind, and then says that nothing is left', () => {
    placed()
      .when(returned())
      .when(removed)
      .then({ type: 'VolumeDestroying', data: { agent: a, epoch: 3, volumes: [volume] } }, accounted(0, 1))
      .when(destroyed)
      .then({ type: 'VolumeDestroyed', data: { agent: a, volumes: [volume] } })
      .when(goOn)
      .then(accounted(0, 0))
      .thenState((state) => expect([state.accounts.size, state.volumes.size]).toEqual([0, 0]));
  });

  it('leaves alone what was adopted for another service', () => {
    const adopt = { agent: a, volume, service: 'db' as ServiceName, pod: 'node-0' };
    placed()
      .when(returned())
      .when(order({ type: 'AdoptVolume', body: adopt }))
      .when(removed)
      .then(accounted(0, 0))
      .thenState((state) => expect(state.volumes.get(volume)!.state).toBe('detached'));
  });

  it('stays open for what is on a machine that can not be reached, and closes when that is collected', () => {
    placed()
      .when(unreachable)
      .when(removed)
      .thenEvents((events) => expect(events.at(-1)).toMatchObject(accounted(1, 1)))
      .thenState((state) => expect(ownedBy(state, 'web')).toEqual({ reservations: 1, volumes: 1, agents: [a] }))
      .when(back)
      .when(returned(true))
      .when(destroyed)
      .when(goOn)
      .then(accounted(0, 0))
      .thenState((state) => expect(ownedBy(state, 'web')).toEqual({ reservations: 0, volumes: 0, agents: [] }));
  });

  it('closes with the machine when that is gone for good', () => {
    placed()
      .when(returned())
      .when(foreign({ type: 'AgentGone', data: { agent: a, epoch: 3 } }))
      .when(removed)
      .when(goOn)
      .then(accounted(0, 0))
      .thenState((state) => expect([state.accounts.size, state.volumes.size]).toEqual([0, 0]));
  });
});
