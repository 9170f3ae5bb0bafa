import type { RequestId } from '@orrery/contracts';
import { effectOf } from '@orrery/scheduling';
import { setKey } from './keys.js';
import type { LotRow } from './lots.js';
import { KEPT_FOR_OTHERS, ledgerOf, type AllocationState, type LedgerRow, type RequestRow } from './state.js';

/** A part of evolve: which of those that wait have something new to look at. */

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

/** A pod of the set is gone: constraints that count its pods may let one in anywhere. */
export function lookAgainAtSet(state: AllocationState, lot: LotRow): void {
  lookAgain(state, idsOf(state, 'set', setKey(lot)), (row) => effectOf(row.constraints) !== 'fixed');
}

/** Pods of it came or went: rules of others that speak of them may let one in anywhere, and so may those whom it avoided. */
export function lookAgainAround(state: AllocationState, lot: LotRow, cameOrWent: 'came' | 'went'): void {
  lookAgain(state, idsOf(state, 'near', lot.service));
  if (cameOrWent === 'went') for (const { service } of lot.avoids ?? []) lookAgainInService(state, service);
}

export function lookAgainInService(state: AllocationState, service: string): void {
  for (const set of [...state.requests.valuesOf('set', `${service}/`)]) {
    if (!set.startsWith(`${service}/`)) return;
    lookAgain(state, idsOf(state, 'set', set));
  }
}

export function lookAgain(state: AllocationState, ids: readonly RequestId[], which = (_row: RequestRow) => true): void {
  for (const id of ids) {
    const row = state.requests.get(id);
    if (row?.triedAt === undefined || !which(row)) continue;
    const { triedAt: _tried, ...fresh } = row;
    state.requests.put(id, fresh);
  }
}

export function idsOf(state: AllocationState, index: 'set' | 'effect' | 'quota' | 'near', value: string): RequestId[] {
  return [...state.requests.keysBy(index, value)];
}

export function putLedger(state: AllocationState, change: Partial<LedgerRow>): void {
  state.ledger.put('all', { ...ledgerOf(state), ...change });
}
