import type { AllocationEvent, PlacementRequest, ServicesEventOf } from '@orrery/contracts';
import type { DecisionContext } from '@orrery/kernel';
import { gangsWait } from './gang-rows.js';
import { common } from './ranges.js';
import { Round } from './round.js';
import { isComplete, workWaits, type AllocationState } from './state.js';

/** Placed in the same decision when nobody else has a claim; else it queues, and the next round serves all in fair order. */
export function placementRequested(
  request: PlacementRequest,
  state: AllocationState,
  context: DecisionContext,
): AllocationEvent[] {
  if (state.requests.has(request.request) || request.indexes.length === 0) return [];
  const queued: AllocationEvent = { type: 'RequestQueued', data: request };
  const others = !isComplete(request) || workWaits(state) || gangsWait(state);
  return others ? [queued] : [queued, ...new Round(state, context).run(request)];
}

/** Of the indexes those that still wait. The others were placed: their service returns the grants (race 2). */
export function placementWithdrawn(
  { request, indexes }: ServicesEventOf<'PlacementWithdrawn'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  const waiting = common(state.requests.get(request)?.indexes ?? [], indexes);
  return waiting.length === 0 ? [] : [{ type: 'RequestDropped', data: { request, indexes: waiting } }];
}
