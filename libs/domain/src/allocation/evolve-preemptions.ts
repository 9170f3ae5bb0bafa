import type { EpochMs } from '@orrery/kernel';
import { rankedAs, type AllocationEventOf, type RequestId } from '@orrery/contracts';
import { grow, lookAgain } from './look-again.js';
import { setKey } from './keys.js';
import { preemptionOrdered } from './preemptions.js';
import { ledgerOf, type AllocationState } from './state.js';

// What events about those who make way do to those who wait.

export function makeWay(state: AllocationState, data: AllocationEventOf<'PreemptionOrdered'>['data']): void {
  preemptionOrdered(state, data);
  notHeld(state, data.for.request);
}

/** Room that is kept no longer may be somebody's; and for whom it was kept others may be asked. */
export function preemptionsLapsed(state: AllocationState, ids: readonly string[]): void {
  for (const id of ids) {
    const row = state.preemptions.get(id);
    if (row === undefined) continue;
    state.preemptions.delete(id);
    grow(
      state,
      row.places.map(([agent]) => agent),
    );
    lookAgain(state, [row.for.request]);
  }
}

export function held(state: AllocationState, requests: readonly RequestId[], until: EpochMs): void {
  for (const id of requests) {
    const row = state.requests.get(id);
    if (row !== undefined) state.requests.put(id, { ...row, heldUntil: until });
  }
}

function notHeld(state: AllocationState, id: RequestId): void {
  const row = state.requests.get(id);
  if (row?.heldUntil === undefined) return;
  const { heldUntil: _held, ...rest } = row;
  state.requests.put(id, rest);
}

export function budgetSet(state: AllocationState, perMinute: number | undefined): void {
  const { budgetPerMinute: _before, ...ledger } = ledgerOf(state);
  state.ledger.put('all', perMinute === undefined ? ledger : { ...ledger, budgetPerMinute: perMinute });
  lookAgain(state, [...state.requests.keys()]);
}

export function priorityChanged(state: AllocationState, data: AllocationEventOf<'PriorityChanged'>['data']): void {
  const set = setKey(data);
  for (const [key, lot] of [...state.lots.by('set', set)]) {
    const { priority: _before, ...rest } = lot;
    state.lots.put(key, { ...rest, ...rankedAs(data.priority, lot.revocable === true) });
  }
  for (const [id, row] of [...state.requests.by('set', set)]) {
    const { priority: _before, triedAt: _tried, heldUntil: _held, ...rest } = row;
    state.requests.put(id, { ...rest, ...rankedAs(data.priority, row.revocable === true) });
  }
}
