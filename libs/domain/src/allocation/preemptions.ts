import type { EpochMs } from '@orrery/kernel';
import {
  countIds,
  countIn,
  isOfScheduler,
  type AllocationEventOf,
  type IdRuns,
  type NominatedPlace,
  type Ranges,
  type RequestId,
  agentRunsIn,
  type AgentRuns,
} from '@orrery/contracts';
import type { PreemptionRow } from './preemption-row.js';
import { normalised, without } from './ranges.js';
import { ledgerOf, type AllocationState, type LedgerRow } from './state.js';

/** What a pod that was told to end should have done long ago; the grace of most is seconds. */
export const NOMINATION_MS = 5 * 60_000;
/** For schedulers of others to end and return what is wanted back. */
export const NOTICE_MS = 30_000;
/** The budget counts what was preempted in any stretch of this length. */
export const BUDGET_WINDOW_MS = 60_000;
const BUDGET_MIN = 10;
const BUDGET_SHARE = 0.01;

// --- The budget -----------------------------------------------------------------------------------------------------

/** Pods that may be preempted in a minute: as set, else 1 % of what runs and at least 10. */
export function budgetOf(state: AllocationState): number {
  const { budgetPerMinute } = ledgerOf(state);
  if (budgetPerMinute !== undefined) return budgetPerMinute;
  let pods = 0;
  for (const count of state.agents.fleet.pods) pods += count;
  return Math.max(BUDGET_MIN, Math.floor(pods * BUDGET_SHARE));
}

/** What is left of it. */
export function budgetLeft(state: AllocationState, at: EpochMs): number {
  const spent = withinWindow(ledgerOf(state), at).reduce((sum, [, pods]) => sum + pods, 0);
  return Math.max(0, budgetOf(state) - spent);
}

/** When something of what was spent counts no longer. */
export function budgetRefill(state: AllocationState, at: EpochMs): EpochMs | undefined {
  const [oldest] = withinWindow(ledgerOf(state), at);
  return oldest === undefined ? undefined : oldest[0] + BUDGET_WINDOW_MS;
}

export function withinWindow({ preempted = [] }: LedgerRow, at: EpochMs): NonNullable<LedgerRow['preempted']> {
  return preempted.filter(([when]) => when > at - BUDGET_WINDOW_MS);
}

// --- Grants that are awaited ----------------------------------------------------------------------------------------

/** Ordinals by the seq of their ids. */
export function ordinalsBySeq(...all: readonly IdRuns[]): Map<number, Ranges> {
  const found = new Map<number, (readonly [number, number])[]>();
  for (const runs of all)
    for (const entry of runs) {
      const ranges = found.get(entry[0]!) ?? [];
      for (let at = 1; at < entry.length; at += 2) ranges.push([entry[at]!, entry[at + 1]!]);
      found.set(entry[0]!, ranges);
    }
  return new Map(Array.from(found, ([seq, ranges]) => [seq, normalised(ranges)]));
}

function runsOfOrdinals(ordinals: ReadonlyMap<number, Ranges>): IdRuns {
  return Array.from(ordinals, ([seq, ranges]) => [seq, ...ranges.flat()]).filter((entry) => entry.length > 1);
}

export function idsWithout(runs: IdRuns, gone: IdRuns): IdRuns {
  const left = ordinalsBySeq(runs);
  for (const [seq, ranges] of ordinalsBySeq(gone)) {
    const own = left.get(seq);
    if (own !== undefined) left.set(seq, without(own, ranges));
  }
  return runsOfOrdinals(left);
}

/** Of all orders, and these. */
export function awaited(state: AllocationState, others: IdRuns = []): ReadonlyMap<number, Ranges> {
  return ordinalsBySeq(others, ...Array.from(state.preemptions.values(), ({ victims }) => victims));
}

// --- What events do to them -----------------------------------------------------------------------------------------

export function preemptionOrdered(state: AllocationState, data: AllocationEventOf<'PreemptionOrdered'>['data']): void {
  const { preemption, places, until, noticeUntil, at } = data;
  const victims = runsOfOrdinals(ordinalsBySeq(...data.victims.map(({ grants }) => grants)));
  const notice = data.victims.some(({ service }) => isOfScheduler(service)) ? { noticeUntil } : {};
  state.preemptions.put(preemption, { for: data.for, places, victims, until, ...notice });
  const ledger = ledgerOf(state);
  const before = withinWindow(ledger, at);
  const now = before.filter(([when]) => when === at).reduce((sum, [, pods]) => sum + pods, countIds(victims));
  state.ledger.put('all', { ...ledger, preempted: [...before.filter(([when]) => when !== at), [at, now]] });
}

/** Pods of the request got these places, or want none any more; gives the agents where room is kept no longer. */
export function placesTaken(state: AllocationState, request: RequestId, agents: AgentRuns): number[] {
  if (state.preemptions.size === 0) return [];
  const taken = new Map(Array.from(agentRunsIn(agents), ([agent, , count]) => [agent, count]));
  let wanted = countIn(state.requests.get(request)?.indexes ?? []);
  const freed: number[] = [];
  for (const [id, row] of [...state.preemptions.by('request', request)]) {
    const places: NominatedPlace[] = [];
    for (const [agent, pods] of row.places) {
      const here = Math.min(pods, taken.get(agent) ?? 0);
      const left = Math.min(pods - here, wanted);
      taken.set(agent, (taken.get(agent) ?? 0) - here);
      wanted -= left;
      if (left > 0) places.push([agent, left]);
      if (left < pods - here) freed.push(agent);
    }
    putPreemption(state, id, { ...row, places });
  }
  return freed;
}

/** Nobody gets a place there now; gives the requests for which room was kept. Of a gang none is kept where not all of it is. */
export function placesLost(state: AllocationState, agent: number): RequestId[] {
  const requests: RequestId[] = [];
  const gangs = new Set<RequestId>();
  for (const [id, row] of [...state.preemptions.entries()]) {
    const places = row.places.filter(([number]) => number !== agent);
    if (places.length === row.places.length) continue;
    requests.push(row.for.request);
    const gang = state.requests.get(row.for.request)?.gang;
    if (gang !== undefined) gangs.add(gang.id);
    putPreemption(state, id, { ...row, places });
  }
  for (const gang of gangs)
    for (const request of [...state.requests.keysBy('gang', gang)])
      for (const [id, row] of [...state.preemptions.by('request', request)])
        putPreemption(state, id, { ...row, places: [] });
  return requests;
}

export function victimsReturned(state: AllocationState, grants: IdRuns): void {
  if (state.preemptions.size === 0) return;
  for (const [id, row] of [...state.preemptions.entries()]) {
    const victims = idsWithout(row.victims, grants);
    if (countIds(victims) !== countIds(row.victims)) putPreemption(state, id, { ...row, victims });
  }
}

export function noticeEnded(state: AllocationState, preemptions: readonly string[]): void {
  for (const id of preemptions) {
    const row = state.preemptions.get(id);
    if (row === undefined) continue;
    const { noticeUntil: _, ...rest } = row;
    putPreemption(state, id, rest);
  }
}

function putPreemption(state: AllocationState, id: string, row: PreemptionRow): void {
  if (row.places.length === 0 && row.victims.length === 0) state.preemptions.delete(id);
  else state.preemptions.put(id, row);
}
