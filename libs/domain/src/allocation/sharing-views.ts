import {
  countIn,
  type AgentId,
  type Quota,
  type ReservationId,
  type Reserved,
  type ResourceName,
  type Resources,
  type RoleName,
  type VolumeId,
} from '@orrery/contracts';
import { hierarchicalDominantShares, type ShareLevel } from '@orrery/scheduling';
import { pathsOf } from './role-tree.js';
import { reservedOn } from './reservations.js';
import { ledgerOf, needsOf, type AllocationState, type VolumeRow } from './state.js';

/** A role, or a path above one, as this cell knows it. */
export interface RoleView {
  readonly role: RoleName;
  readonly weight: number;
  /** What it holds itself, and with all below it. */
  readonly used: Resources;
  readonly usedBelow: Resources;
  /** What it holds on call with all below it: no part of the above. */
  readonly revocableBelow: Resources;
  /** As it was set, for all cells together. */
  readonly quota?: Quota;
  /** Pods of its own that wait. */
  readonly waiting: number;
}

export function roleView(state: AllocationState, role: RoleName): RoleView | undefined {
  const { tree } = state.roles;
  if (!tree.isKnown(role)) return undefined;
  const { weight, used, own } = tree.standingOf(role);
  const quota = tree.quotaOf(role);
  let waiting = 0;
  for (const [, { indexes }] of state.requests.by('role', role)) waiting += countIn(indexes);
  return {
    role,
    weight,
    used: own,
    usedBelow: used,
    revocableBelow: tree.revocableBelow(role),
    waiting,
    ...(quota === undefined ? {} : { quota }),
  };
}

/** Every role that was ever named and every path above one, in order, from `from` (inclusive) on. */
export function* rolesKnown(state: AllocationState, from = ''): IterableIterator<RoleName> {
  const known = new Set<RoleName>();
  for (const role of state.roles.keys()) for (const path of pathsOf(role)) if (path >= from) known.add(path);
  yield* [...known].sort();
}

/**
 * Why it is, or is not, the turn of a role: where it stands on each level among those that wait, as the state is. Nobody
 * else waits: no rivals.
 */
export function shareOfRole(state: AllocationState, role: RoleName): ShareLevel[] {
  const { capacity: total, scarce = [] } = ledgerOf(state);
  const { tree } = state.roles;
  const shares = hierarchicalDominantShares.open({ total, scarce, standingOf: (path) => tree.standingOf(path) });
  for (const waiting of state.requests.valuesOf('role'))
    for (const [, { needs }] of state.requests.by('role', waiting)) {
      shares.wait(waiting, needsOf(needs));
      break;
    }
  return shares.trace(role);
}

/** What shares are made of: all that open agents have, but for what nobody's share counts. */
export interface FairnessView {
  readonly scarce: readonly ResourceName[];
  readonly capacity: Resources;
}

export function fairnessView(state: AllocationState): FairnessView {
  const { capacity, scarce = [] } = ledgerOf(state);
  return { scarce, capacity };
}

/** A part of an agent that is kept, and what of it nobody uses. */
export interface ReservationView {
  readonly reservation: ReservationId;
  readonly agent: AgentId;
  readonly role: RoleName;
  /** Less what was refined out of it. */
  readonly resources: Reserved;
  readonly idle: Reserved;
  readonly labels: Readonly<Record<string, string>>;
  readonly refines?: ReservationId;
  /** Declared by its agent. */
  readonly static?: true;
}

/** In the order of their ids. */
export function* reservationViews(state: AllocationState): IterableIterator<ReservationView> {
  const idle = new Map<ReservationId, Reserved>();
  for (const agent of state.reservations.valuesOf('agent'))
    for (const part of reservedOn(state, Number(agent))) idle.set(part.id, part.idle);
  for (const [reservation, { agent, whole: _whole, ...row }] of state.reservations.entries())
    yield { reservation, ...row, agent: state.agents.numbered(agent)!.id, idle: idle.get(reservation)! };
}

export interface VolumeView extends Omit<VolumeRow, 'agent'> {
  readonly volume: VolumeId;
  /** Gone and forgotten: none. */
  readonly agent?: AgentId;
}

export function* volumeViews(state: AllocationState): IterableIterator<VolumeView> {
  for (const [volume, { agent: number, ...row }] of state.volumes.entries()) {
    const agent = state.agents.numbered(number)?.id;
    yield { volume, ...row, ...(agent === undefined ? {} : { agent }) };
  }
}
