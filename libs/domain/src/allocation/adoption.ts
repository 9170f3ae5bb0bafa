import {
  isIn,
  type Constraint,
  type PlacementRequest,
  type Ranges,
  type Resize,
  type ServiceName,
  type VolumeId,
  type VolumeNeed,
} from '@orrery/contracts';
import type { Filter, Found, Needs } from '@orrery/scheduling';
import { sharedKey } from './keys.js';
import { firstOf, without } from './ranges.js';
import { resizingsOf } from './resizing.js';
import { needsOf, type AllocationState, type RequestRow, type VolumeRow } from './state.js';

/** Volumes that pods find where they are: those that one pod adopts, and shared ones. Their place is where these are. */
export interface Adoption {
  /** Its number; 0 where it can be on none. */
  readonly agent: number;
  /** By the names of the needs. */
  readonly volumes: ReadonlyMap<string, VolumeId>;
  /** Of the agent's own disk: what they hold already, as far as a pod needs it. */
  readonly heldMib: number;
  /** Names of shared ones that pods mount already: they are charged for. */
  readonly mounted: ReadonlySet<string>;
  /** Why it can be on no agent. */
  readonly missing?: string;
}

export interface AdoptingRow extends RequestRow {
  readonly adoption?: Adoption;
  /** What it has in the end, of a pod that is resized; `needs` are what it lacks until then. */
  readonly resize?: Resize;
  /** resize: whom the pod stays away from. */
  readonly avoids?: readonly Constraint[];
}

/**
 * A request as rows to be placed: those of its pods that adopt volumes by themselves, and the rest. Where a shared volume has
 * to be made first, one pod goes ahead of the others: they follow in the next round, to where it is.
 */
export function* withAdoptions(state: AllocationState, row: RequestRow): IterableIterator<AdoptingRow> {
  if (row.resizes !== undefined) return yield* resizingsOf(state, row);
  if (row.needs.volumes.length === 0) return yield row;
  const shared = sharedFor(state, row);
  let rest: Ranges = row.indexes;
  for (const [index, own] of adoptionsOf(state, row)) {
    const indexes: Ranges = [[index, index]];
    rest = without(rest, indexes);
    yield { ...row, indexes, avoid: [], adoption: shared === undefined ? own : both(own, shared) };
  }
  if (rest.length === 0) return;
  if (shared === undefined) return yield rest === row.indexes ? row : { ...row, indexes: rest };
  const { isThere, ...adoption } = shared;
  const indexes = isThere ? rest : firstOf(rest, 1);
  if (adoption.volumes.size === 0 && adoption.missing === undefined) yield { ...row, indexes };
  else yield { ...row, indexes, avoid: [], adoption };
}

function adoptionsOf(state: AllocationState, row: PlacementRequest): ReadonlyMap<number, Adoption> {
  const adoptions = new Map<number, Gathered>();
  for (const [id, volume] of state.volumes.by('adopter', `${row.service}/${row.pod}`)) {
    const need = row.needs.volumes.find((candidate) => isFor(volume, candidate));
    const { index } = volume.adopter!;
    if (volume.state !== 'detached' || need === undefined || !isIn(row.indexes, index)) continue;
    const known = adoptions.get(index);
    // All volumes of a pod are on its agent: of others, the first one found decides.
    if (known !== undefined && known.agent !== volume.agent) continue;
    const adoption = known ?? gathering(volume.agent);
    if (adoption.volumes.has(need.name)) continue;
    add(adoption, id, volume, need);
    adoptions.set(index, adoption);
  }
  return adoptions;
}

function isFor(volume: VolumeRow, { name, type, disk, shared }: VolumeNeed): boolean {
  return shared !== true && volume.name === name && volume.type === type && (disk ?? volume.disk) === volume.disk;
}

/** The shared volumes that its pods mount; nothing when they mount none. `isThere`: all of them are, and are mounted. */
function sharedFor(state: AllocationState, row: PlacementRequest): (Adoption & { isThere: boolean }) | undefined {
  const needs = row.needs.volumes.filter(({ shared }) => shared === true);
  if (needs.length === 0) return undefined;
  const found = gathering(0);
  let isThere = true;
  for (const need of needs) {
    const known = sharedVolume(state, row, need);
    if (known === undefined && need.of !== undefined) {
      const missing = `${need.of} has no shared volume ${need.name} in role ${row.role}`;
      return { ...found, agent: 0, missing, isThere: true };
    }
    isThere &&= (known?.[1].users ?? 0) > 0;
    if (known === undefined) continue;
    const [id, volume] = known;
    if (found.agent !== 0 && found.agent !== volume.agent) return { ...found, ...SCATTERED, isThere: true };
    found.agent = volume.agent;
    add(found, id, volume, need);
  }
  if (row.gang !== undefined && !isThere) return { ...found, ...NOBODY_AHEAD, isThere: true };
  return { ...found, isThere };
}

/** One's own: of this creation of the service; another's: the newest. */
function sharedVolume(
  state: AllocationState,
  { role, service, generation }: PlacementRequest,
  { name, of }: VolumeNeed,
): readonly [VolumeId, VolumeRow] | undefined {
  let newest: readonly [VolumeId, VolumeRow] | undefined;
  const owner = (of ?? service) as ServiceName;
  for (const entry of state.volumes.by('shared', sharedKey({ role, service: owner, name }))) {
    const [, volume] = entry;
    if (volume.state !== 'held' && volume.state !== 'detached') continue;
    if (owner === service && volume.generation !== generation) continue;
    if (newest === undefined || volume.generation > newest[1].generation) newest = entry;
  }
  return newest;
}

type Gathered = { -readonly [Key in keyof Adoption]: Adoption[Key] } & {
  readonly volumes: Map<string, VolumeId>;
  readonly mounted: Set<string>;
};

function gathering(agent: number): Gathered {
  return { agent, volumes: new Map(), heldMib: 0, mounted: new Set() };
}

function add(found: Gathered, id: VolumeId, volume: VolumeRow, { name, type, sizeMib, shared }: VolumeNeed): void {
  found.volumes.set(name, id);
  // A shared one is of the type that its owner gave it, whatever this pod would have asked for.
  if (type === 'ROOT') found.heldMib += shared === true ? sizeMib : Math.min(sizeMib, volume.sizeMib);
  if (shared === true && volume.users! > 0) found.mounted.add(name);
}

const NOBODY_AHEAD = { agent: 0, missing: 'a gang has no pod that goes ahead to make its shared volume' };
const SCATTERED = { agent: 0, missing: 'its volumes are on several agents' };

function both(own: Adoption, shared: Adoption): Adoption {
  const isApart = shared.missing !== undefined || (shared.agent !== 0 && shared.agent !== own.agent);
  return {
    agent: own.agent,
    volumes: new Map([...own.volumes, ...shared.volumes]),
    heldMib: own.heldMib + shared.heldMib,
    mounted: shared.mounted,
    ...(isApart ? SCATTERED : {}),
    ...(shared.missing === undefined ? {} : { missing: shared.missing }),
  };
}

/** What a pod of the row has to find on its agent. */
export function placeNeedsOf({ needs, adoption }: Pick<AdoptingRow, 'needs' | 'adoption'>): Needs {
  if (needs.volumes.length === 0) return needsOf(needs);
  const onAgent = needsOf(needs, ({ type }) => type === 'ROOT');
  const disks = needs.volumes.flatMap(({ name, type, sizeMib, disk }) =>
    type === 'ROOT' || adoption?.volumes.has(name) === true
      ? []
      : [{ type, sizeMib, ...(disk === undefined ? {} : { disk }) }],
  );
  return {
    ...onAgent,
    diskMib: onAgent.diskMib - (adoption?.heldMib ?? 0),
    ...(disks.length === 0 ? {} : { disks }),
  };
}

/** What its role is charged for a pod of the row. */
export function chargedNeedsOf({ needs, adoption }: Pick<AdoptingRow, 'needs' | 'adoption'>): Needs {
  return needsOf(needs, ({ name }) => adoption?.mounted.has(name) !== true);
}

/** What was found for a row, with the reason why it can be nowhere else. */
export function withVolumes(state: AllocationState, { adoption }: AdoptingRow, found: Found): Found {
  if (adoption === undefined) return found;
  return { picks: found.picks, filters: () => [whereItsVolumeIs(state, adoption), ...found.filters()] };
}

/** Why a pod can go nowhere but where its volumes are. */
export function whereItsVolumeIs(state: AllocationState, { agent, missing }: Adoption): Filter {
  const row = state.agents.numbered(agent);
  return {
    name: 'volume',
    passes: (node) => node.id === row?.id,
    explain: () => missing ?? `its volume is on ${row?.hostname ?? 'an agent that is gone'}`,
    remedy: () =>
      missing === undefined
        ? `bring back ${row?.hostname ?? 'its agent'} or make room there, or destroy the volume that the pod mounts`
        : `${missing}: deploy its owner first, or leave the volume out`,
  };
}
