import type { RequestId } from '@orrery/contracts';
import { KEPT_FOR_OTHERS, ledgerOf, type AllocationState, type LedgerRow, type RequestRow } from './state.js';

// What makes requests that found no place look again.

/** Something may fit now that did not before. Nobody waits: nothing to remember. */
export function grow(state: AllocationState, numbers: Iterable<number>): void {
  if (state.requests.size === 0) return;
  const growth = ledgerOf(state).growth + 1;
  putLedger(state, { growth });
  lookAgain(state, idsOf(state, 'quota', KEPT_FOR_OTHERS));
  for (const number of numbers) {
    const row = state.agents.numbered(number);
    if (row !== undefined && row.closed === undefined) state.agents.put(row.id, { ...row, grownAt: growth });
  }
}

export function lookAgain(state: AllocationState, ids: readonly RequestId[], which = (_row: RequestRow) => true): void {
  for (const id of ids) {
    const row = state.requests.get(id);
    if (row?.triedAt === undefined || !which(row)) continue;
    const { triedAt: _tried, heldUntil: _held, ...fresh } = row;
    state.requests.put(id, fresh);
  }
}

export function idsOf(state: AllocationState, index: 'set' | 'effect' | 'quota' | 'near', value: string): RequestId[] {
  return [...state.requests.keysBy(index, value)];
}

export function putLedger(state: AllocationState, change: Partial<LedgerRow>): void {
  state.ledger.put('all', { ...ledgerOf(state), ...change });
}
