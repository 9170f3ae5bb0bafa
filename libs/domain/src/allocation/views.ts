import type {
  AgentId,
  GrantId,
  PendingReasons,
  PlacementRequest,
  RequestId,
  Resources,
  RoleName,
} from '@orrery/contracts';
import { amountsOf, minus, Session, type Found } from '@orrery/scheduling';
import { countIndexes, firstIndexes } from './ranges.js';
import { reasonsOf } from './reasons.js';
import { SetPeers } from './set-peers.js';
import {
  lotOf,
  needsOf,
  NEW_ROLE,
  type AllocationState,
  type GrantRow,
  type LotRow,
  type RequestRow,
} from './state.js';

/** A grant with what it shares with others of its `Placed`. */
export type GrantView = { readonly grant: GrantId } & GrantRow & Omit<LotRow, 'lot'>;

/** In the order of their ids. */
export function* grantsOnAgent(state: AllocationState, agent: AgentId): IterableIterator<GrantView> {
  for (const [grant, row] of state.grants.by('agent', agent)) yield { grant, ...row, ...lotOf(state, row) };
}

export function grantOf(state: AllocationState, grant: GrantId): GrantView | undefined {
  const row = state.grants.get(grant);
  return row === undefined ? undefined : { grant, ...row, ...lotOf(state, row) };
}

/** What grants and volumes hold of an agent. */
export function usedOnAgent(state: AllocationState, agent: AgentId): Resources | undefined {
  const row = state.agents.get(agent);
  return row === undefined ? undefined : minus(amountsOf(row.capacity), amountsOf(row.free));
}

/** Every role that was ever named, with its weight and what is charged to it. */
export function* rolesInUse(
  state: AllocationState,
): IterableIterator<{ readonly role: RoleName; readonly weight: number; readonly used: Resources }> {
  for (const [role, row] of state.roles.entries()) yield { role, ...row };
}

export function usedByRole(state: AllocationState, role: RoleName): Resources {
  return (state.roles.get(role) ?? NEW_ROLE).used;
}

/** Requests that wait, first come first, role by role. */
export function* waitingRequests(state: AllocationState): IterableIterator<RequestRow> {
  for (const key of state.requests.valuesOf('queue')) for (const [, row] of state.requests.by('queue', key)) yield row;
}

/** Why a request waits, as the state is now rather than when it was last told: nothing when it does not wait. */
export function explainPending(
  state: AllocationState,
  request: RequestId,
  examplesMax = 50,
): PendingReasons | undefined {
  const row = state.requests.get(request);
  return row === undefined ? undefined : lookFor(state, row, 0, examplesMax).reasons();
}

/** Where a request would be placed if it came now and had no rival; `reasons` when not all of it would be. */
export interface Prediction {
  readonly places: readonly { readonly index: number; readonly agent: AgentId }[];
  readonly reasons?: PendingReasons;
}

export function predictPlacement(state: AllocationState, request: PlacementRequest, examplesMax = 50): Prediction {
  const { found, reasons } = lookFor(state, request, countIndexes(request.indexes), examplesMax);
  const indexes = firstIndexes(request.indexes, found.places.length);
  const places = found.places.map(({ nodeId }, at) => ({ index: indexes[at]!, agent: nodeId as AgentId }));
  return places.length === countIndexes(request.indexes) ? { places } : { places, reasons: reasons() };
}

function lookFor(
  state: AllocationState,
  request: PlacementRequest,
  count: number,
  examplesMax: number,
): { readonly found: Found; readonly reasons: () => PendingReasons } {
  const session = new Session(state.agents.open);
  const { needs, constraints, policy, avoid } = request;
  const peers = new SetPeers(state).of(request);
  const found = session.place({ needs: needsOf(needs), rules: constraints, policy, avoid, peers }, count);
  return { found, reasons: () => reasonsOf(state, found.filters, (agent) => session.node(agent), examplesMax) };
}
