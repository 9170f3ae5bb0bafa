import { accept, reject, type Decision } from '@orrery/kernel';
import {
  isIn,
  type AllocationEvent,
  type PlacementRequest,
  type Ranges,
  type SharingCommand,
  type VolumeId,
} from '@orrery/contracts';
import type { Filter } from '@orrery/scheduling';
import { without } from './ranges.js';
import type { AllocationState, RequestRow, VolumeRow } from './state.js';

type Body<Type extends SharingCommand['type']> = Extract<SharingCommand, { type: Type }>['body'];

/** The first of two steps: the agent deletes the data, then the volume is known no longer. */
export function destroyVolume(
  { agent, volume: id }: Body<'DestroyVolume'>,
  state: AllocationState,
): Decision<AllocationEvent> {
  const volume = volumeOn(agent, id, state);
  if (volume === undefined) return unknown(agent, id);
  if (volume.state === 'held') return inUse(id, volume);
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

function inUse(id: VolumeId, { state, service, pod, index }: VolumeRow): Decision<never> {
  const told: Readonly<Record<VolumeRow['state'], string>> = {
    held: `is held by ${service} ${pod}-${index}`,
    destroying: 'is being destroyed',
    detached: 'is detached',
    lost: 'was lost with its agent',
  };
  return reject('volume-in-use', `volume ${id} ${told[state]}`, {
    field: '/volume',
    remedy: state === 'held' ? 'replace or uninstall the pod first' : 'name another volume',
  });
}

// --- In a round -----------------------------------------------------------------------------------------------------

/** Volumes that one pod adopts: its place is where they are. */
export interface Adoption {
  /** Its number. */
  readonly agent: number;
  /** By the names of the needs. */
  readonly volumes: ReadonlyMap<string, VolumeId>;
  /** Disk that they hold already, as far as the pod needs it. */
  readonly heldMib: number;
}

export interface AdoptingRow extends RequestRow {
  readonly adoption?: Adoption;
}

/** A request as rows to be placed: those of its pods that adopt volumes by themselves, and the rest. */
export function* withAdoptions(state: AllocationState, row: RequestRow): IterableIterator<AdoptingRow> {
  let rest: Ranges = row.indexes;
  if (row.needs.volumes.length > 0)
    for (const [index, adoption] of adoptionsOf(state, row)) {
      const own: Ranges = [[index, index]];
      rest = without(rest, own);
      yield { ...row, indexes: own, avoid: [], adoption };
    }
  if (rest === row.indexes) yield row;
  else if (rest.length > 0) yield { ...row, indexes: rest };
}

function adoptionsOf(state: AllocationState, row: PlacementRequest): ReadonlyMap<number, Adoption> {
  const adoptions = new Map<number, { agent: number; volumes: Map<string, VolumeId>; heldMib: number }>();
  for (const [id, volume] of state.volumes.by('adopter', `${row.service}/${row.pod}`)) {
    const need = row.needs.volumes.find(({ name }) => name === volume.name);
    const { index } = volume.adopter!;
    if (volume.state !== 'detached' || need === undefined || !isIn(row.indexes, index)) continue;
    const known = adoptions.get(index);
    // All volumes of a pod are on its agent: of others, the first one found decides.
    if (known !== undefined && known.agent !== volume.agent) continue;
    const adoption = known ?? { agent: volume.agent, volumes: new Map<string, VolumeId>(), heldMib: 0 };
    if (adoption.volumes.has(need.name)) continue;
    adoption.volumes.set(need.name, id);
    adoption.heldMib += Math.min(need.sizeMib, volume.sizeMib);
    adoptions.set(index, adoption);
  }
  return adoptions;
}

/** Why an adopting pod can go nowhere else. */
export function whereItsVolumeIs(state: AllocationState, { agent }: Adoption): Filter {
  const row = state.agents.numbered(agent);
  return {
    name: 'volume',
    passes: (node) => node.id === row?.id,
    explain: () => `its volume is on ${row?.hostname ?? 'an agent that is gone'}`,
    remedy: () => `bring back ${row?.hostname ?? 'its agent'}, or destroy the volume that the pod adopts`,
  };
}
