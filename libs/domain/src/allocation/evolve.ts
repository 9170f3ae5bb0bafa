import { unreachable } from '@orrery/kernel';
import {
  idOf,
  membersIn,
  seqOf,
  type AllocationEvent,
  type AllocationEventOf,
  type GrantId,
  type Quota,
  type Ranges,
  type RequestId,
  type RoleName,
  type VolumeId,
  type VolumeNeed,
  agentRunsOf,
  type AgentRuns,
} from '@orrery/contracts';
import {
  amountsOf,
  effectOf,
  minus,
  NOTHING,
  plus,
  stockOf,
  times,
  type Amounts,
  type Stock,
} from '@orrery/scheduling';
import { lessOwned, serviceAccounted } from './accounts.js';
import { chargeOf, volumesOf } from './charge.js';
import { charge } from './charging.js';
import { setKey } from './keys.js';
import { chargedIn, countOf, eachRun, lotOfPlaced, withoutGrants, withSuperseded, type LotPart } from './lots.js';
import {
  grow,
  idsOf,
  lookAgain,
  lookAgainAround,
  lookAgainAtSet,
  lookAgainInService,
  putLedger,
} from './look-again.js';
import { common, positionsOf, without } from './ranges.js';
import { pressedOn, reservationMade, reservationsEnded } from './evolve-reservations.js';
import { budgetSet, held, makeWay, preemptionsLapsed, priorityChanged } from './evolve-preemptions.js';
import { takeOver } from './resizing.js';
import { noticeEnded, placesLost, placesTaken, victimsReturned } from './preemptions.js';
import {
  isComplete,
  ledgerOf,
  needsOf,
  NEW_ROLE,
  type AgentRow,
  type AgentStock,
  type AllocationState,
  type VolumeRow,
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
    case 'ServiceAccounted':
      return serviceAccounted(state, event.data);
    case 'RoleSet': {
      const row = state.roles.get(event.data.role) ?? NEW_ROLE;
      return state.roles.put(event.data.role, { ...row, weight: event.data.weight });
    }
    case 'FairnessSet':
      return putLedger(state, { scarce: event.data.scarce });
    case 'QuotaSet':
      return quotaChanged(state, event.data.role, event.data);
    case 'QuotaRemoved':
      return quotaChanged(state, event.data.role, undefined);
    case 'ReservationMade':
      return reservationMade(state, event.data);
    case 'ReservationEnded':
      return reservationsEnded(state, event.data.reservations);
    case 'VolumeAdopted':
      return volumeAdopted(state, event.data);
    case 'PreemptionOrdered':
      return makeWay(state, event.data);
    case 'PreemptionLapsed':
      return preemptionsLapsed(state, event.data.preemptions);
    case 'PreemptionNoticeEnded':
      return noticeEnded(state, event.data.preemptions);
    case 'PreemptionHeld':
      return held(state, event.data.requests, event.data.until);
    case 'PreemptionResumed':
      return lookAgain(state, event.data.requests);
    case 'PreemptionBudgetSet':
      return budgetSet(state, event.data.perMinute);
    case 'PriorityChanged':
      return priorityChanged(state, event.data);
    // The master sees to it; the ledger changes when it says that nothing runs there.
    case 'GrantsReturning':
      return;
    default:
      return unreachable(event);
  }
}

// --- Agents ---------------------------------------------------------------------------------------------------------

function agentOpened(state: AllocationState, opening: AllocationEventOf<'AgentOpened'>['data']): void {
  const { agent, number, epoch, hostname, attributes, faultDomain } = opening;
  const { agents } = state;
  const before = agents.get(agent);
  const { disks } = opening.capacity;
  const capacity = { ...stockOf(opening.capacity), ...(disks === undefined ? {} : { disks }) };
  countCapacity(state, before, undefined);
  const row: AgentRow = { id: agent, number, epoch, hostname, attributes, faultDomain, capacity };
  countCapacity(state, undefined, row);
  agents.put(agent, row);
  const shrunk = agents.fleet.isShort(number) ? { shrunk: true as const } : {};
  agents.put(agent, { ...row, ...shrunk, ...pressedOn(state, number) });
  grow(state, [number]);
  lookAgain(state, idsOf(state, 'effect', 'balancing'));
  if (before === undefined) return;
  if (!sameFacts(before, row)) factsChanged(state);
  if (capacity.gpuIds.length > 0) lastWithoutGpus(state, before);
}

/** Whoever looks at where pods are finds them in other groups. */
function factsChanged(state: AllocationState): void {
  for (const effect of ['settled', 'narrowing']) lookAgain(state, idsOf(state, 'effect', effect));
  for (const service of [...state.lots.valuesOf('avoids')]) lookAgainInService(state, service);
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
    for (const [id, volume] of [...state.volumes.by('agent', String(before.number))])
      state.volumes.put(id, { ...volume, state: 'lost' });
    for (const id of [...state.reservations.keysBy('agent', String(before.number))]) state.reservations.delete(id);
    const { shrunk: _shrunk, ...rest } = before;
    state.agents.put(agent, { ...rest, capacity: NO_STOCK, closed: 'gone' });
    forgetWhenGone(state, state.agents.get(agent)!);
  } else {
    const { draining: _draining, ...rest } = before;
    const draining = reason === 'draining' || data.draining === true ? { draining: true as const } : {};
    state.agents.put(agent, { ...rest, ...draining, closed: reason });
  }
  lookAgain(state, placesLost(state, before.number));
  // A group less to keep level with; and with the last agent, everything waits for another reason.
  lookAgain(state, idsOf(state, 'effect', 'balancing'));
  if (state.agents.fleet.open.length === 0) grow(state, []);
  lastWithoutGpus(state, before);
}

/** Agents with gpus are there for everyone once there are no others. */
function lastWithoutGpus(state: AllocationState, before: AgentRow): void {
  if (before.closed === undefined && before.capacity.gpuIds.length === 0 && !state.agents.fleet.isMixed)
    lookAgain(state, [...state.requests.keys()], (row) => row.needs.gpus === 0);
}

/** A gone agent is remembered as long as something is known to be there. */
function forgetWhenGone(state: AllocationState, { id, number, closed }: AgentRow): void {
  if (closed === 'gone' && state.agents.fleet.pods[number] === 0) state.agents.delete(id);
}

/** Something was given back on these agents. */
function freed(state: AllocationState, numbers: Iterable<number>): void {
  for (const number of numbers) {
    const row = state.agents.numbered(number);
    if (row?.shrunk === true && !state.agents.fleet.isShort(number)) {
      const { shrunk: _shrunk, ...rest } = row;
      state.agents.put(row.id, rest);
    }
    if (row?.closed === 'gone') forgetWhenGone(state, row);
  }
  grow(state, numbers);
}

function countCapacity(state: AllocationState, before: AgentRow | undefined, after: AgentRow | undefined): void {
  let { capacity } = ledgerOf(state);
  if (before !== undefined && before.closed === undefined) capacity = minus(capacity, inAll(before.capacity));
  if (after !== undefined) capacity = plus(capacity, inAll(after.capacity));
  putLedger(state, { capacity });
}

/** With its disks of their own: roles are charged for volumes wherever they are. */
function inAll(capacity: Stock): Amounts {
  const disksMib = (capacity.disks ?? []).reduce((sum, { sizeMib }) => sum + sizeMib, 0);
  return plus(amountsOf(capacity), { ...NOTHING, diskMib: disksMib });
}

// --- Requests -------------------------------------------------------------------------------------------------------

function requestQueued(state: AllocationState, request: AllocationEventOf<'RequestQueued'>['data']): void {
  const { nextPosition } = ledgerOf(state);
  state.requests.put(request.request, { ...request, position: nextPosition });
  putLedger(state, { nextPosition: nextPosition + 1 });
  if (request.gang !== undefined && isComplete(request)) completeGang(state, request.gang.id);
}

/** The last of its requests is there. */
function completeGang(state: AllocationState, id: RequestId): void {
  for (const [request, row] of [...state.requests.by('gang', id)])
    if (!isComplete(row)) state.requests.put(request, { ...row, gang: { id } });
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

const NOWHERE = agentRunsOf([]);

/** `agents`: where they are now, when they were placed. */
function serve(state: AllocationState, request: RequestId, indexes: Ranges, agents: AgentRuns = NOWHERE): void {
  const row = state.requests.get(request);
  if (row === undefined) return;
  const left = without(row.indexes, indexes);
  if (left.length === 0) state.requests.delete(request);
  else state.requests.put(request, { ...row, indexes: left });
  // What it kept is free for others, and a gang of fewer may fit.
  if (row.gang !== undefined && row.triedAt !== undefined) lookAgain(state, [...state.requests.keys()]);
  const freed = placesTaken(state, request, agents);
  if (freed.length > 0) grow(state, freed);
}

// --- Grants ---------------------------------------------------------------------------------------------------------

function placed(state: AllocationState, data: AllocationEventOf<'Placed'>['data']): void {
  const placed = lotOfPlaced(data);
  if (placed === undefined) return;
  const { key, lot } = placed;
  state.lots.put(key, lot);
  if (data.volumes !== undefined) putVolumes(state, key, data);
  // After its volumes: what a shared one costs is charged when the first pod mounts it.
  charge(state, lot, times(needsOf(lot.needs), countOf(lot)));
  serve(state, data.request, data.indexes, data.agents);
  // Only where pods are spread evenly can one more make room elsewhere.
  lookAgain(
    state,
    idsOf(state, 'set', setKey(lot)),
    (row) => row.request !== data.request && effectOf(row.constraints) === 'balancing',
  );
  lookAgainAround(state, lot, 'came');
}

function putVolumes(state: AllocationState, lot: GrantId, data: AllocationEventOf<'Placed'>['data']): void {
  const { service, generation, role, pod, needs } = data;
  const seq = seqOf(lot);
  let ordinal = data.grants[0]![1]!;
  for (const { index, agent, volumes } of membersIn(data)) {
    const owner = { service, generation, role, pod, index };
    const grant = idOf<GrantId>(seq, ordinal++);
    for (const { volume, ...made } of volumes) {
      const { type, shared } = needs.volumes.find(({ name }) => name === made.name)!;
      const row = { agent, ...made, type, ...owner, state: 'held' as const };
      if (shared === true) mount(state, volume, { ...row, users: 0 });
      else state.volumes.put(volume, { ...row, grant });
    }
  }
}

/** One pod more; the first one makes it, and is followed by those that wait for it. */
function mount(state: AllocationState, id: VolumeId, made: VolumeRow): void {
  const known = state.volumes.get(id);
  const row = known ?? made;
  const users = (row.users ?? 0) + 1;
  state.volumes.put(id, { ...row, users, state: 'held' });
  if (users === 1) charge(state, row, { ...NOTHING, diskMib: row.sizeMib });
  if (known !== undefined) return;
  const isFor = (need: VolumeNeed) => need.shared === true && need.of === row.service && need.name === row.name;
  lookAgain(
    state,
    [...state.requests.keysBy('role', row.role)],
    ({ needs }) => needs.volumes.length > 0 && needs.volumes.some(isFor),
  );
}

function grantSuperseded(state: AllocationState, { grants }: AllocationEventOf<'GrantSuperseded'>['data']): void {
  for (const { key, lot, ordinals } of state.lots.live(grants)) {
    const charged = common(chargedIn(lot), ordinals);
    if (charged.length === 0) continue;
    charge(state, lot, minus(NOTHING, chargeOf(state, { key, lot, ordinals: charged })));
    state.lots.put(key, withSuperseded(lot, charged));
    lookAgainAtSet(state, lot);
    lookAgainAround(state, lot, 'went');
  }
}

function grantReleased(state: AllocationState, { grants }: AllocationEventOf<'GrantReleased'>['data']): void {
  const agents = new Set<number>();
  // First those that stand on others of them.
  const [above, own] = [true, false].map((stands) =>
    state.lots.live(grants).filter(({ lot }) => (lot.resizes !== undefined) === stands),
  ) as [LotPart[], LotPart[]];
  for (const { key, lot, ordinals } of [...above, ...own]) {
    const part = { key, lot, ordinals };
    charge(state, lot, minus(NOTHING, chargeOf(state, { ...part, ordinals: common(chargedIn(lot), ordinals) })));
    const left = withoutGrants(lot, ordinals);
    if (left === undefined) state.lots.delete(key);
    else state.lots.put(key, left);
    for (const volume of volumesOf({ ...part, ordinals: takeOver(state, part) })) detach(state, volume);
    lookAgainAtSet(state, lot);
    lookAgainAround(state, lot, 'went');
    lessOwned(state, lot);
    eachRun(lot, positionsOf(lot.ordinals, ordinals), (agent) => agents.add(agent));
  }
  victimsReturned(state, grants);
  if (agents.size > 0) freed(state, agents);
}

function quotaChanged(state: AllocationState, role: RoleName, quota: Quota | undefined): void {
  const { quota: _before, ...row } = state.roles.get(role) ?? NEW_ROLE;
  const { limit, guarantee, cells } = quota ?? { cells: 1 };
  const parts = { ...(limit === undefined ? {} : { limit }), ...(guarantee === undefined ? {} : { guarantee }) };
  state.roles.put(role, quota === undefined ? row : { ...row, quota: { ...parts, cells } });
  for (const obstacle of [...state.requests.valuesOf('quota')]) lookAgain(state, idsOf(state, 'quota', obstacle));
}

// --- Volumes --------------------------------------------------------------------------------------------------------

function detach(state: AllocationState, id: VolumeId): void {
  const volume = state.volumes.get(id);
  if (volume === undefined) return;
  if (volume.users !== undefined) return unmount(state, id, volume);
  if (volume.state === 'lost') return state.volumes.delete(id);
  const { grant: _grant, ...rest } = volume;
  state.volumes.put(id, { ...rest, state: 'detached' });
}

/** One pod less; after the last one it waits for the next, unless it is on its way out or gone. */
function unmount(state: AllocationState, id: VolumeId, volume: VolumeRow): void {
  const users = volume.users! - 1;
  if (users === 0) charge(state, volume, { ...NOTHING, diskMib: -volume.sizeMib });
  if (users === 0 && volume.state === 'lost') return state.volumes.delete(id);
  state.volumes.put(id, {
    ...volume,
    users,
    state: users === 0 && volume.state === 'held' ? 'detached' : volume.state,
  });
}

function volumeAdopted(state: AllocationState, adopted: AllocationEventOf<'VolumeAdopted'>['data']): void {
  const { volume: id, service, pod, index } = adopted;
  const volume = state.volumes.get(id);
  if (volume === undefined) return;
  state.volumes.put(id, { ...volume, adopter: { service, pod, index } });
  lookAgain(state, [...state.requests.keys()], (row) => row.service === service && row.pod === pod);
}

function volumeDestroying(state: AllocationState, data: AllocationEventOf<'VolumeDestroying'>['data']): void {
  const { volumes, grant } = data;
  for (const id of volumes) {
    const volume = state.volumes.get(id);
    // A shared one is from now on that of the grant with which it goes.
    const own = grant === undefined ? {} : { grant };
    if (volume !== undefined) state.volumes.put(id, { ...volume, ...own, state: 'destroying' });
  }
}

function volumeDestroyed(state: AllocationState, { volumes }: AllocationEventOf<'VolumeDestroyed'>['data']): void {
  const agents = new Set<number>();
  for (const id of volumes) {
    const volume = state.volumes.get(id);
    if (volume === undefined) continue;
    const part = volume.grant === undefined ? undefined : state.lots.find(volume.grant);
    if (part !== undefined) volumeTaken(state, part, id, volume);
    state.volumes.delete(id);
    lessOwned(state, volume);
    agents.add(volume.agent);
  }
  if (agents.size > 0) freed(state, agents);
}

function volumeTaken(state: AllocationState, part: LotPart, id: VolumeId, volume: VolumeRow): void {
  const { key, lot, ordinals } = part;
  const isShared = volume.users !== undefined;
  if (isShared || common(chargedIn(lot), ordinals).length > 0)
    charge(state, isShared ? volume : lot, { ...NOTHING, diskMib: -volume.sizeMib });
  const [[position]] = positionsOf(lot.ordinals, ordinals) as [[number, number]];
  const volumes = [...(lot.volumes ?? [])];
  volumes[position] = volumes[position]!.filter((other) => other !== id);
  state.lots.put(key, { ...lot, volumes });
}

const NO_STOCK: AgentStock = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpuIds: [], ports: [] };
