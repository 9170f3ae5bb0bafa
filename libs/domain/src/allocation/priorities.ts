import { accept, type Decision } from '@orrery/kernel';
import {
  PRIORITY_DEFAULT,
  priorityOf,
  type AllocationEvent,
  type PreemptionCommand,
  type PreemptionEvent,
  type Ranked,
  type ServicesEventOf,
} from '@orrery/contracts';
import { setKey } from './keys.js';
import { ledgerOf, type AllocationState } from './state.js';

/** A new version that gives pods another priority gives it to those that have a place, too: nothing has to be moved for it. */
export function prioritiesApplied(
  { service, generation, spec }: ServicesEventOf<'ServiceApplied'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  return Object.entries(spec.pods).flatMap(([pod, { priority = spec.priority ?? PRIORITY_DEFAULT }]) => {
    const set = setKey({ service, generation, pod });
    const ranked = [...state.lots.by('set', set), ...state.requests.by('set', set)];
    if (ranked.every(([, row]: readonly [string, Ranked]) => priorityOf(row) === priority)) return [];
    return [{ type: 'PriorityChanged', data: { service, generation, pod, priority } } as const];
  });
}

export function setPreemptionBudget(
  { body: { perMinute } }: PreemptionCommand,
  state: AllocationState,
): Decision<AllocationEvent> {
  const data = perMinute === undefined ? {} : { perMinute };
  return accept(...budgetFollowed({ type: 'PreemptionBudgetSet', data }, state));
}

/** By order here or by the truth of cell 0; each cell counts for itself. */
export function budgetFollowed(
  event: Extract<PreemptionEvent, { type: 'PreemptionBudgetSet' }>,
  state: AllocationState,
): AllocationEvent[] {
  return ledgerOf(state).budgetPerMinute === event.data.perMinute ? [] : [event];
}
