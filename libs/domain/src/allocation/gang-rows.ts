import { countIn } from '@orrery/contracts';
import { NOTHING, plus, times, type Amounts } from '@orrery/scheduling';
import { chargedNeedsOf } from './adoption.js';
import { servicesNear } from './neighbours.js';
import type { AllocationState, RequestRow } from './state.js';

/** Whether any gang waits that is complete. */
export function gangsWait(state: AllocationState): boolean {
  return state.requests.firstOf('gang', '') !== undefined;
}

/** All requests of the gang of this one that wait, as they came; itself alone where the ledger does not know it yet. */
export function gangOf(state: AllocationState, row: RequestRow): RequestRow[] {
  if (row.gang === undefined) return [];
  const rows = Array.from(state.requests.by('gang', row.gang.id), ([, waiting]) => waiting);
  if (rows.length === 0) return [row];
  return rows.sort((left, right) => left.position - right.position);
}

/** The one of its requests that takes its turn for all of them. */
export function leadsGang(state: AllocationState, row: RequestRow): boolean {
  return gangOf(state, row)[0]?.request === row.request;
}

export function sizeOfGang(rows: readonly RequestRow[]): number {
  return rows.reduce((size, { indexes }) => size + countIn(indexes), 0);
}

/** What its role is charged for all of it. */
export function chargedForGang(rows: readonly RequestRow[]): Amounts {
  return rows.reduce((sum, row) => plus(sum, times(chargedNeedsOf(row), countIn(row.indexes))), NOTHING);
}

/**
 * In the order in which places are sought: those whose rules speak of others of the service after these, and the larger before
 * the smaller, which find room beside them.
 */
export function inOrderOfPlacing(rows: readonly RequestRow[], total: Amounts): RequestRow[] {
  if (rows.length < 2) return [...rows];
  const looks = (row: RequestRow) => Number(servicesNear(row).includes(row.service));
  return rows.toSorted((left, right) => looks(left) - looks(right) || partOf(right, total) - partOf(left, total));
}

/** The largest part of anything that a pod of it needs. */
function partOf({ needs }: RequestRow, total: Amounts): number {
  const amounts = ['cpusMilli', 'memoryMib', 'diskMib', 'gpus'] as const;
  return Math.max(0, ...amounts.map((amount) => (total[amount] === 0 ? 0 : needs[amount] / total[amount])));
}
