import {
  countIds,
  countIn,
  idsIn,
  PRIORITY_CRITICAL,
  priorityOf,
  type AllocationEvent,
  type AllocationEventOf,
  type GrantId,
  type RequestId,
} from '@orrery/contracts';
import { awaited, budgetLeft } from './preemptions.js';
import { mayPreempt } from './rights.js';
import { chargedIn } from './lots.js';
import { without } from './ranges.js';
import type { AllocationState } from './state.js';

/** What is wrong with the orders to make way that stand. */
export function* brokenPreemptions(state: AllocationState): Iterable<string> {
  const kept = new Map<RequestId, number>();
  const seen = new Set<GrantId>();
  for (const [id, { for: by, places, victims }] of state.preemptions.entries()) {
    if (places.length === 0 && victims.length === 0) yield `preemption ${id} is done and still there`;
    for (const [agent, pods] of places) {
      if (pods <= 0) yield `preemption ${id} keeps room for nobody on agent ${agent}`;
      kept.set(by.request, (kept.get(by.request) ?? 0) + pods);
    }
    for (const grant of idsIn<GrantId>(victims)) {
      if (seen.has(grant)) yield `grant ${grant} makes way twice at once`;
      seen.add(grant);
      if (state.lots.find(grant) === undefined) yield `preemption ${id} awaits grant ${grant}, which is no more`;
    }
  }
  for (const [request, pods] of kept) {
    const waiting = countIn(state.requests.get(request)?.indexes ?? []);
    if (pods > waiting) yield `room is kept for ${pods} pods of request ${request}, of which ${waiting} wait`;
  }
}

/** What is wrong with an event on the state before it: nobody is preempted without right, or beyond the budget. */
export function allocationEventViolations(state: AllocationState, event: AllocationEvent): string[] {
  return event.type === 'PreemptionOrdered' ? [...wrongOrder(state, event.data)] : [];
}

function* wrongOrder(
  state: AllocationState,
  { preemption, for: by, victims, places, at }: AllocationEventOf<'PreemptionOrdered'>['data'],
): Iterable<string> {
  const request = state.requests.get(by.request);
  if (request === undefined) return yield `preemption ${preemption} is for request ${by.request}, which does not wait`;
  const pods = victims.reduce((sum, { grants }) => sum + countIds(grants), 0);
  const left = budgetLeft(state, at);
  if (pods > left) yield `preemption ${preemption} takes ${pods} pods, the budget has ${left} left`;
  if (places.length === 0) yield `preemption ${preemption} is for no place`;
  const before = awaited(state);
  for (const kind of victims)
    for (const { key, lot, ordinals } of state.lots.live(kind.grants)) {
      if (!mayPreempt(request, lot))
        yield `${request.role} at ${priorityOf(request)} has no right to ${key} of ${lot.role} at ${priorityOf(lot)}`;
      if (priorityOf(lot) >= PRIORITY_CRITICAL || lot.needs.volumes.length > 0) yield `${key} is never preempted`;
      const asked = without(ordinals, before.get(Number(key.split('.')[0])) ?? []);
      if (countIn(asked) < countIn(ordinals)) yield `some of ${key} make way already`;
      if (countIn(without(ordinals, chargedIn(lot))) > 0) yield `some of ${key} were given up already`;
    }
}
