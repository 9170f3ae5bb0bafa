import {
  idOf,
  IdRunsBuilder,
  seqOf,
  type AgentId,
  type AllocationEvent,
  type AllocationEventOf,
  type ClusterEventOf,
  type GrantId,
  type Ranges,
  type ServicesEventOf,
  type VolumeId,
} from '@orrery/contracts';
import { volumesOf } from './charge.js';
import { startingWith } from './keys.js';
import { chargedIn, type LotPart, type LotRow } from './lots.js';
import { common, without } from './ranges.js';
import type { AllocationState, VolumeRow } from './state.js';

/**
 * The only end of a grant: its service says that nothing runs on it. With `destroyVolumes` the volumes are destroyed first
 * (two steps: the agent has to do it). What is unknown, or on its way already, changes nothing.
 */
export function grantsReturned(
  { grants, destroyVolumes }: ServicesEventOf<'GrantReturned'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  const events: AllocationEvent[] = [];
  const released = new IdRunsBuilder();
  const users = new UsersLeft(state);
  for (const part of state.lots.live(grants)) {
    const kept =
      part.lot.volumes === undefined ? [] : grantsWithVolumes(part, destroyVolumes === true, events, state, users);
    addAll(released, part.key, without(part.ordinals, kept));
  }
  if (released.count > 0) events.push({ type: 'GrantReleased', data: { grants: released.runs } });
  return events;
}

/** Ordinals of those of the lot that stay for now: their volumes are being destroyed, or have to be first. */
function grantsWithVolumes(
  { key, lot, ordinals }: LotPart,
  destroys: boolean,
  events: AllocationEvent[],
  state: AllocationState,
  users: UsersLeft,
): Ranges {
  const kept: (readonly [number, number])[] = [];
  for (const [first, last] of ordinals)
    for (let ordinal = first; ordinal <= last; ordinal += 1) {
      const grant = idOf<GrantId>(seqOf(key), ordinal);
      const mounted = [...volumesOf({ key, lot, ordinals: [[ordinal, ordinal]] })];
      const isDestroying = mounted.some((id) => isDestroyingWith(state.volumes.get(id), grant));
      const volumes = mounted.filter(
        (id) => state.volumes.get(id)?.state !== 'lost' && users.isLast(id) && isOwn(state.volumes.get(id), lot),
      );
      const agent = state.agents.numbered(state.volumes.get(volumes[0]!)?.agent ?? 0);
      if (!isDestroying && (!destroys || agent === undefined)) continue;
      kept.push([ordinal, ordinal]);
      if (isDestroying) continue;
      events.push({ type: 'VolumeDestroying', data: { agent: agent!.id, epoch: agent!.epoch, grant, volumes } });
    }
  return kept;
}

function isDestroyingWith(volume: VolumeRow | undefined, grant: GrantId): boolean {
  return volume?.state === 'destroying' && volume.grant === grant;
}

/** What another service shares is not destroyed with those that mount it. */
function isOwn(volume: VolumeRow | undefined, { service, generation }: LotRow): boolean {
  return volume?.users === undefined || (volume.service === service && volume.generation === generation);
}

/** Pods that mount shared volumes, less those whose grants came back in this decision. */
class UsersLeft {
  readonly #state: AllocationState;
  readonly #left = new Map<VolumeId, number>();

  constructor(state: AllocationState) {
    this.#state = state;
  }

  /** One pod less mounts it: whether it was the last one; always of a volume that is not shared. */
  isLast(id: VolumeId): boolean {
    const users = this.#left.get(id) ?? this.#state.volumes.get(id)?.users;
    if (users === undefined) return true;
    this.#left.set(id, users - 1);
    return users === 1;
  }
}

function addAll(ids: IdRunsBuilder, lot: GrantId, ordinals: Ranges): void {
  for (const [first, last] of ordinals) ids.add(seqOf(lot), first, last - first + 1);
}

/** The agent destroyed volumes; a grant whose last one went is released. Volumes that nobody wanted destroyed stay. */
export function volumesGone(
  { agent, volumes }: ClusterEventOf<'VolumesGone'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  return destroyed(agent, new Set(volumes), state);
}

/** The agent is gone, and with it what was to be destroyed there. */
export function destroyedWithAgent(agent: AgentId, state: AllocationState): AllocationEvent[] {
  const number = state.agents.get(agent)?.number;
  return destroyed(agent, new Set(state.volumes.keysBy('agent', String(number))), state);
}

function destroyed(agent: AgentId, volumes: ReadonlySet<VolumeId>, state: AllocationState): AllocationEvent[] {
  const number = state.agents.get(agent)?.number;
  const byGrant = new Map<GrantId, VolumeId[]>();
  const detached: VolumeId[] = [];
  for (const id of volumes) {
    const volume = state.volumes.get(id);
    if (volume?.state !== 'destroying' || volume.agent !== number) continue;
    if (volume.grant === undefined) {
      detached.push(id);
      continue;
    }
    const others = byGrant.get(volume.grant);
    if (others === undefined) byGrant.set(volume.grant, [id]);
    else others.push(id);
  }
  const events: AllocationEvent[] = [];
  if (detached.length > 0) events.push({ type: 'VolumeDestroyed', data: { agent, volumes: detached } });
  const released = new IdRunsBuilder();
  for (const [grant, gone] of byGrant) {
    events.push({ type: 'VolumeDestroyed', data: { agent, grant, volumes: gone } });
    const part = state.lots.find(grant);
    const waits = (id: VolumeId) => !gone.includes(id) && isDestroyingWith(state.volumes.get(id), grant);
    if (part !== undefined && ![...volumesOf(part)].some(waits)) released.addId(grant);
  }
  if (released.count > 0) events.push({ type: 'GrantReleased', data: { grants: released.runs } });
  return events;
}

/** What an uninstalled service has to leave on agents out of reach is no longer charged to its role. */
export function grantsLeftBehind(
  { grants }: ServicesEventOf<'LeftBehind'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  return superseded(state.lots.live(grants));
}

/** Nothing waits for a service that is no more, and what it left is its role's no longer. */
export function serviceRemoved(
  { service, generation }: ServicesEventOf<'ServiceRemoved'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  const events: AllocationEvent[] = [];
  const left: LotPart[] = [];
  const prefix = `${service}/${generation}/`;
  for (const key of startingWith(state.requests.valuesOf('set', prefix), prefix))
    for (const [request, { indexes }] of state.requests.by('set', key))
      events.push({ type: 'RequestDropped', data: { request, indexes } });
  for (const set of startingWith(state.lots.valuesOf('set', prefix), prefix))
    for (const [key, lot] of state.lots.by('set', set)) left.push({ key, lot, ordinals: lot.ordinals });
  return [...events, ...superseded(left)];
}

/** The grants of these that still count for their role, as an event that ends that. */
export function superseded(parts: readonly LotPart[]): AllocationEventOf<'GrantSuperseded'>[] {
  const charged = new IdRunsBuilder();
  for (const { key, lot, ordinals } of parts) addAll(charged, key, common(chargedIn(lot), ordinals));
  return charged.count === 0 ? [] : [{ type: 'GrantSuperseded', data: { grants: charged.runs } }];
}
