import type { EpochMs } from '@orrery/kernel';
import {
  idRunsOf,
  idsIn,
  isOfScheduler,
  type AllocationEvent,
  type GrantId,
  type RequestId,
  type ServiceName,
} from '@orrery/contracts';
import { padded } from './keys.js';
import type { PreemptionRow } from './preemption-row.js';
import type { AllocationState } from './state.js';

/** What one tick deals with; the rest follows with the next, which is due at once. */
const DUE_MAX = 1000;

/** The earliest moment at which preemption has something to do: a budget that refills, a notice or an order that ends. */
export function nextDeadline(state: AllocationState): EpochMs | undefined {
  const [held] = state.requests.valuesOf('held');
  const [due] = state.preemptions.valuesOf('due');
  if (held === undefined || due === undefined)
    return held === undefined && due === undefined ? undefined : Number(held ?? due);
  return Math.min(Number(held), Number(due));
}

export function preemptionsDue(state: AllocationState, at: EpochMs): AllocationEvent[] {
  const events: AllocationEvent[] = [];
  const ended = dueBy(state, at, ({ noticeUntil }) => noticeUntil !== undefined && noticeUntil <= at);
  for (const [, row] of ended) events.push(...takenFromSchedulers(state, row));
  if (ended.length > 0) events.push({ type: 'PreemptionNoticeEnded', data: { preemptions: ended.map(([id]) => id) } });
  const lapsed = dueBy(state, at, ({ until }) => until <= at).map(([id]) => id);
  if (lapsed.length > 0) events.push({ type: 'PreemptionLapsed', data: { preemptions: lapsed } });
  const requests: RequestId[] = [];
  for (const held of state.requests.valuesOf('held')) {
    if (held > padded(at) || requests.length >= DUE_MAX) break;
    requests.push(...state.requests.keysBy('held', held));
  }
  if (requests.length > 0) events.push({ type: 'PreemptionResumed', data: { requests } });
  return events;
}

function dueBy(
  state: AllocationState,
  at: EpochMs,
  isDue: (row: PreemptionRow) => boolean,
): (readonly [string, PreemptionRow])[] {
  const found = new Map<string, PreemptionRow>();
  for (const due of state.preemptions.valuesOf('due')) {
    if (due > padded(at) || found.size >= DUE_MAX) break;
    for (const [id, row] of state.preemptions.by('due', due)) if (isDue(row)) found.set(id, row);
  }
  return [...found];
}

/**
 * What a scheduler of others did not end and return in time is returned for it: the master closes the grants, ends what runs
 * there and lets nothing new begin. Nobody but the owner of a task can do that, and nobody waits for a scheduler for ever.
 */
function takenFromSchedulers(state: AllocationState, { victims }: PreemptionRow): AllocationEvent[] {
  const byService = new Map<ServiceName, GrantId[]>();
  for (const grant of idsIn<GrantId>(victims)) {
    const service = state.lots.find(grant)?.lot.service;
    if (service === undefined || !isOfScheduler(service)) continue;
    byService.set(service, [...(byService.get(service) ?? []), grant]);
  }
  return Array.from(byService, ([service, grants]) => ({
    type: 'GrantsReturning',
    data: { service, generation: 0, grants: idRunsOf(grants) },
  }));
}
