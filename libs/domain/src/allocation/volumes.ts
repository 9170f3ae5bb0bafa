import { accept, reject, type Decision } from '@orrery/kernel';
import type { AllocationEvent, SharingCommand, VolumeId } from '@orrery/contracts';
import type { AllocationState, VolumeRow } from './state.js';

type Body<Type extends SharingCommand['type']> = Extract<SharingCommand, { type: Type }>['body'];

/** The first of two steps: the agent deletes the data, then the volume is known no longer. */
export function destroyVolume(
  { agent, volume: id }: Body<'DestroyVolume'>,
  state: AllocationState,
): Decision<AllocationEvent> {
  const volume = volumeOn(agent, id, state);
  if (volume === undefined) return unknown(agent, id);
  // Lost with its agent, a shared one is mounted until the pods there gave their grants back.
  if (volume.state === 'held' || (volume.state === 'lost' && (volume.users ?? 0) > 0)) return inUse(id, volume);
  if (volume.state === 'destroying') return accept();
  const row = state.agents.numbered(volume.agent);
  const data = { agent, volumes: [id] };
  if (volume.state === 'lost' || row === undefined) return accept({ type: 'VolumeDestroyed', data });
  return accept({ type: 'VolumeDestroying', data: { ...data, epoch: row.epoch } });
}

/** Never by itself: only on this order does a volume of one pod become that of another. */
export function adoptVolume(
  { agent, volume: id, service, pod: name }: Body<'AdoptVolume'>,
  state: AllocationState,
): Decision<AllocationEvent> {
  const volume = volumeOn(agent, id, state);
  if (volume === undefined) return unknown(agent, id);
  if (volume.state !== 'detached') return inUse(id, volume);
  if (volume.users !== undefined)
    return reject('volume-is-shared', `volume ${id} is shared: pods mount it by its name`, {
      field: '/volume',
      remedy: `a pod of role ${volume.role} with the volume ${volume.name}: { shared: true, of: ${volume.service} }`,
    });
  const dash = name.lastIndexOf('-');
  const adopter = { service, pod: name.slice(0, dash), index: Number(name.slice(dash + 1)) };
  const { adopter: before } = volume;
  if (before?.service === service && before.pod === adopter.pod && before.index === adopter.index) return accept();
  return accept({ type: 'VolumeAdopted', data: { volume: id, ...adopter } });
}

function volumeOn(agent: string, id: VolumeId, state: AllocationState): VolumeRow | undefined {
  const volume = state.volumes.get(id);
  const row = volume === undefined ? undefined : state.agents.numbered(volume.agent);
  // Of an agent that is gone and forgotten, any name will do.
  return row === undefined || row.id === agent ? volume : undefined;
}

function unknown(agent: string, id: VolumeId): Decision<never> {
  return reject('unknown-volume', `there is no volume ${id} on ${agent}`, {
    field: '/volume',
    remedy: 'see the list of volumes',
  });
}

function inUse(id: VolumeId, { state, service, pod, index, users }: VolumeRow): Decision<never> {
  const told: Readonly<Record<VolumeRow['state'], string>> = {
    held: users === undefined ? `is held by ${service} ${pod}-${index}` : `is mounted by ${users} pods`,
    destroying: 'is being destroyed',
    detached: 'is detached',
    lost: users === undefined ? 'was lost with its agent' : `was lost with its agent, and ${users} pods still mount it`,
  };
  return reject('volume-in-use', `volume ${id} ${told[state]}`, {
    field: '/volume',
    remedy: state === 'held' ? 'replace or uninstall the pod first' : 'name another volume',
  });
}
