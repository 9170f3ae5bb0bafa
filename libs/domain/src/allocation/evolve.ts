import { unreachable } from '@orrery/kernel';
import type {
  AgentId,
  AllocationEvent,
  AllocationEventOf,
  Grant,
  GrantId,
  RequestId,
  RoleName,
  VolumeId,
} from '@orrery/contracts';
import {
  amountsOf,
  bulkOf,
  effectOf,
  giveBack,
  minus,
  NOTHING,
  plus,
  stockOf,
  take,
  times,
  type Amounts,
  type Bulk,
  type Stock,
} from '@orrery/scheduling';
import { withoutIndexes } from './ranges.js';
import {
  ledgerOf,
  lotOf,
  needsOf,
  NEW_ROLE,
  setKey,
  type AgentRow,
  type AllocationState,
  type GrantRow,
  type LedgerRow,
  type LotRow,
  type RequestRow,
} from './state.js';

/** The only code that changes the ledger. Believes the journal: what it does not know, it passes over. */
export function evolve(state: AllocationState, event: AllocationEvent): void {
  switch (event.type) {
    case 'AgentOpened':
      return agentOpened(state, event.data);
    case 'AgentClosed':
      return agentClosed(state, event.data);
    case 'RequestQueued':
      return requestQueued(state, event.data);
    case 'Placed':
      return placed(state, event.data);
    case 'PlacementPending':
      return placementPending(state, event.data);
    case 'RequestsTried':
      return requestsTried(state, event.data);
    case 'RequestDropped':
      return requestDropped(state, event.data);
    case 'GrantSuperseded':
      return grantSuperseded(state, event.data);
    case 'GrantReleased':
      return grantReleased(state, event.data);
    case 'VolumeDestroying':
      return volumeDestroying(state, event.data);
    case 'VolumeDestroyed':
      return volumeDestroyed(state, event.data);
    case 'RoleSet': {
      const row = state.roles.get(event.data.role) ?? NEW_ROLE;
      return state.roles.put(event.data.role, { ...row, weight: event.data.weight });
    }
    default:
      return unreachable(event);
  }
}

// --- Agents ---------------------------------------------------------------------------------------------------------

function agentOpened(state: AllocationState, opening: AllocationEventOf<'AgentOpened'>['data']): void {
  const { agent, epoch, hostname, attributes, faultDomain } = opening;
  const before = state.agents.get(agent);
  const capacity = stockOf(opening.capacity);
  const free = take(capacity, heldOn(state, agent));
  countCapacity(state, before, undefined);
  const row: AgentRow = { id: agent, epoch, hostname, attributes, faultDomain, capacity, free };
  const opened = belowZero(free) ? { ...row, shrunk: true as const } : row;
  countCapacity(state, undefined, opened);
  state.agents.put(agent, opened);
  grow(state, agent);
  lookAgain(state, idsOf(state, 'effect', 'balancing'));
  if (before !== undefined && !sameFacts(before, row)) lookAgain(state, idsOf(state, 'effect', 'narrowing'));
}

/** Facts that constraints speak of: where they change, so do the groups of all that runs there. */
function sameFacts(left: AgentRow, right: AgentRow): boolean {
  const names = new Set([...Object.keys(left.attributes), ...Object.keys(right.attributes)]);
  return (
    left.hostname === right.hostname &&
    left.faultDomain.region === right.faultDomain.region &&
    left.faultDomain.zone === right.faultDomain.zone &&
    [...names].every((name) => left.attributes[name] === right.attributes[name])
  );
}

function agentClosed(state: AllocationState, data: AllocationEventOf<'AgentClosed'>['data']): void {
  const { agent, reason } = data;
  const before = state.agents.get(agent);
  if (before === undefined || before.closed === 'gone') return;
  countCapacity(state, before, undefined);
  if (reason === 'gone') {
    for (const [id, volume] of [...state.volumes.by('agent', agent)])
      state.volumes.put(id, { ...volume, state: 'lost' });
    const { shrunk: _shrunk, ...rest } = before;
    state.agents.put(agent, { ...rest, capacity: NO_STOCK, free: NO_STOCK, closed: 'gone' });
    forgetWhenGone(state, agent);
  } else {
    const { draining: _draining, ...rest } = before;
    const draining = reason === 'draining' || data.draining === true ? { draining: true as const } : {};
    state.agents.put(agent, { ...rest, ...draining, closed: reason });
  }
  // A group less to keep level with; and with the last agent, everything waits for another reason.
  lookAgain(state, idsOf(state, 'effect', 'balancing'));
  if (state.agents.open.all.length === 0) grow(state);
}

/** A gone agent is remembered as long as something is known to be there. */
function forgetWhenGone(state: AllocationState, agent: AgentId): void {
  if (state.agents.get(agent)?.closed === 'gone' && state.grants.countBy('agent', agent) === 0)
    state.agents.delete(agent);
}

function heldOn(state: AllocationState, agent: AgentId): Bulk {
  const held: Bulk[] = [];
  for (const [, grant] of state.grants.by('agent', agent)) held.push(bulkOfGrant(state, grant));
  let amounts: Amounts = NOTHING;
  for (const bulk of held) amounts = plus(amounts, bulk);
  for (const [, volume] of state.volumes.by('agent', agent))
    if (volume.state !== 'lost') amounts = plus(amounts, { ...NOTHING, diskMib: volume.sizeMib });
  return { ...amounts, ports: held.flatMap(({ ports }) => ports), gpuIds: held.flatMap(({ gpuIds }) => gpuIds) };
}

/** What a grant holds beside its volumes. */
export function bulkOfGrant(state: AllocationState, grant: GrantRow): Bulk {
  const { needs } = lotOf(state, grant);
  return bulkOf(needs, [{ ports: grant.ports ?? {}, gpuIds: grant.gpuIds ?? [] }]);
}

function putFree(state: AllocationState, row: AgentRow, free: Stock): void {
  const { shrunk, ...rest } = row;
  state.agents.put(row.id, shrunk === true && belowZero(free) ? { ...rest, shrunk, free } : { ...rest, free });
}

function belowZero({ cpusMilli, memoryMib, diskMib }: Stock): boolean {
  return cpusMilli < 0 || memoryMib < 0 || diskMib < 0;
}

function countCapacity(state: AllocationState, before: AgentRow | undefined, after: AgentRow | undefined): void {
  let { capacity } = ledgerOf(state);
  if (before !== undefined && before.closed === undefined) capacity = minus(capacity, amountsOf(before.capacity));
  if (after !== undefined) capacity = plus(capacity, amountsOf(after.capacity));
  putLedger(state, { capacity });
}

// --- Requests -------------------------------------------------------------------------------------------------------

function requestQueued(state: AllocationState, request: AllocationEventOf<'RequestQueued'>['data']): void {
  const { nextPosition } = ledgerOf(state);
  state.requests.put(request.request, { ...request, position: nextPosition });
  putLedger(state, { nextPosition: nextPosition + 1 });
}

function placementPending(state: AllocationState, data: AllocationEventOf<'PlacementPending'>['data']): void {
  const row = state.requests.get(data.request);
  if (row === undefined) return;
  state.requests.put(data.request, { ...row, reasons: data.reasons, triedAt: ledgerOf(state).growth });
}

function requestsTried(state: AllocationState, { requests }: AllocationEventOf<'RequestsTried'>['data']): void {
  const { growth } = ledgerOf(state);
  if (requests === undefined) return putLedger(state, { settled: growth });
  for (const request of requests) {
    const row = state.requests.get(request);
    if (row !== undefined) state.requests.put(request, { ...row, triedAt: growth });
  }
}

function requestDropped(state: AllocationState, data: AllocationEventOf<'RequestDropped'>['data']): void {
  serve(state, data.request, data.indexes);
}

function serve(state: AllocationState, request: RequestId, indexes: readonly number[]): void {
  const row = state.requests.get(request);
  if (row === undefined) return;
  const left = withoutIndexes(row.indexes, indexes);
  if (left.length === 0) state.requests.delete(request);
  else state.requests.put(request, { ...row, indexes: left });
}

/** Something may fit now that did not before. Nobody waits: nothing to remember. */
function grow(state: AllocationState, agent?: AgentId): void {
  if (state.requests.size === 0) return;
  const growth = ledgerOf(state).growth + 1;
  putLedger(state, { growth });
  const row = agent === undefined ? undefined : state.agents.get(agent);
  if (row !== undefined && row.closed === undefined) state.agents.put(row.id, { ...row, grownAt: growth });
}

/** A pod of the set is gone: constraints that count its pods may let one in anywhere. */
function lookAgainAtSet(state: AllocationState, lot: LotRow): void {
  lookAgain(state, idsOf(state, 'set', setKey(lot)), (row) => effectOf(row.constraints) !== 'fixed');
}

function lookAgain(state: AllocationState, ids: readonly RequestId[], which = (_row: RequestRow) => true): void {
  for (const id of ids) {
    const row = state.requests.get(id);
    if (row?.triedAt === undefined || !which(row)) continue;
    const { triedAt: _tried, ...fresh } = row;
    state.requests.put(id, fresh);
  }
}

function idsOf(state: AllocationState, index: 'set' | 'effect', value: string): RequestId[] {
  return [...state.requests.keysBy(index, value)];
}

function putLedger(state: AllocationState, change: Partial<LedgerRow>): void {
  state.ledger.put('all', { ...ledgerOf(state), ...change });
}

// --- Grants ---------------------------------------------------------------------------------------------------------

function placed(state: AllocationState, data: AllocationEventOf<'Placed'>['data']): void {
  const { request, service, generation, role, pod, needs, grants } = data;
  const lot = grants[0]?.grant;
  if (lot === undefined) return;
  state.lots.put(lot, { service, generation, role, pod, needs });
  const byAgent = new Map<AgentId, Grant[]>();
  for (const grant of grants) {
    state.grants.put(grant.grant, grantRow(lot, grant));
    for (const { volume, name, path, sizeMib } of grant.volumes) {
      const owner = { service, generation, pod, index: grant.index, grant: grant.grant };
      state.volumes.put(volume, { agent: grant.agent, name, path, sizeMib, ...owner, state: 'held' });
    }
    const others = byAgent.get(grant.agent);
    if (others === undefined) byAgent.set(grant.agent, [grant]);
    else others.push(grant);
  }
  const eachPod = needsOf(needs);
  for (const [agent, held] of byAgent) {
    const row = state.agents.get(agent);
    if (row !== undefined && row.closed !== 'gone') putFree(state, row, take(row.free, bulkOf(eachPod, held)));
  }
  charge(state, role, times(eachPod, grants.length));
  serve(
    state,
    request,
    grants.map(({ index }) => index),
  );
  // Only where pods are spread evenly can one more make room elsewhere.
  lookAgain(
    state,
    idsOf(state, 'set', setKey(data)),
    (row) => row.request !== request && effectOf(row.constraints) === 'balancing',
  );
}

function grantRow(lot: GrantId, grant: Grant): GrantRow {
  const { index, agent, epoch, ports, gpuIds, volumes } = grant;
  return {
    lot,
    index,
    agent,
    epoch,
    ...(Object.keys(ports).length > 0 ? { ports } : {}),
    ...(gpuIds.length > 0 ? { gpuIds } : {}),
    ...(volumes.length > 0 ? { volumes: volumes.map(({ volume }) => volume) } : {}),
  };
}

function grantSuperseded(state: AllocationState, { grants }: AllocationEventOf<'GrantSuperseded'>['data']): void {
  for (const id of grants) {
    const grant = state.grants.get(id);
    if (grant === undefined || grant.superseded === true) continue;
    const lot = lotOf(state, grant);
    charge(state, lot.role, minus(NOTHING, chargeOf(state, grant)));
    state.grants.put(id, { ...grant, superseded: true });
    lookAgainAtSet(state, lot);
  }
}

function grantReleased(state: AllocationState, { grants }: AllocationEventOf<'GrantReleased'>['data']): void {
  for (const id of grants) {
    const grant = state.grants.get(id);
    if (grant === undefined) continue;
    if (grant.superseded !== true) charge(state, lotOf(state, grant).role, minus(NOTHING, chargeOf(state, grant)));
    for (const volume of grant.volumes ?? []) detach(state, volume);
    const row = state.agents.get(grant.agent);
    if (row !== undefined && row.closed !== 'gone')
      putFree(state, row, giveBack(row.free, bulkOfGrant(state, grant), row.capacity));
    lookAgainAtSet(state, lotOf(state, grant));
    state.grants.delete(id);
    if (state.grants.countBy('lot', grant.lot) === 0) state.lots.delete(grant.lot);
    forgetWhenGone(state, grant.agent);
    grow(state, grant.agent);
  }
}

/** What the role is charged for a grant: its needs and the volumes that are still there. */
export function chargeOf(state: AllocationState, grant: GrantRow): Amounts {
  const { cpusMilli, memoryMib, diskMib, gpus } = lotOf(state, grant).needs;
  let volumesMib = 0;
  for (const id of grant.volumes ?? []) volumesMib += state.volumes.get(id)?.sizeMib ?? 0;
  return { cpusMilli, memoryMib, diskMib: diskMib + volumesMib, gpus };
}

function charge(state: AllocationState, role: RoleName, amounts: Amounts): void {
  const row = state.roles.get(role) ?? NEW_ROLE;
  state.roles.put(role, { ...row, used: plus(row.used, amounts) });
}

// --- Volumes --------------------------------------------------------------------------------------------------------

function detach(state: AllocationState, id: VolumeId): void {
  const volume = state.volumes.get(id);
  if (volume === undefined) return;
  if (volume.state === 'lost') return state.volumes.delete(id);
  const { grant: _grant, ...rest } = volume;
  state.volumes.put(id, { ...rest, state: 'detached' });
}

function volumeDestroying(state: AllocationState, { volumes }: AllocationEventOf<'VolumeDestroying'>['data']): void {
  for (const id of volumes) {
    const volume = state.volumes.get(id);
    if (volume !== undefined) state.volumes.put(id, { ...volume, state: 'destroying' });
  }
}

function volumeDestroyed(state: AllocationState, data: AllocationEventOf<'VolumeDestroyed'>['data']): void {
  for (const id of data.volumes) {
    const volume = state.volumes.get(id);
    if (volume === undefined) continue;
    const size: Amounts = { ...NOTHING, diskMib: volume.sizeMib };
    const grant = volume.grant === undefined ? undefined : state.grants.get(volume.grant);
    if (grant !== undefined) {
      if (grant.superseded !== true) charge(state, lotOf(state, grant).role, minus(NOTHING, size));
      state.grants.put(volume.grant!, { ...grant, volumes: grant.volumes!.filter((other) => other !== id) });
    }
    const row = state.agents.get(volume.agent);
    if (row !== undefined && volume.state !== 'lost')
      putFree(state, row, { ...row.free, diskMib: row.free.diskMib + volume.sizeMib });
    state.volumes.delete(id);
  }
  grow(state, data.agent);
}

const NO_STOCK: Stock = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpuIds: [], ports: [] };
