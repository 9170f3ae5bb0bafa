import type { PendingReasons } from '@orrery/contracts';
import { filtersThatReject, sameReasons } from './reasons.js';
import type { RequestRow } from './state.js';

/** That nothing was found for a wish, and why. */
export interface DeadEnd {
  /** The growth from which on agents were looked at; -1: all agents. */
  readonly since: number;
  /** Filters that rejected what was looked at. */
  readonly filters: readonly string[];
  /** Why of all agents; made when it is asked for. */
  readonly reasons: () => PendingReasons;
}

/**
 * What a round found impossible once it need not try again: a round only takes, so a wish of the same needs and constraints
 * meets the same end. Wishes whose constraints look at their own set are all different and not remembered.
 */
export class DeadEnds {
  readonly #known = new Map<string, DeadEnd>();

  of(row: RequestRow, since: number): DeadEnd | undefined {
    const known = this.#known.get(wishKey(row));
    return known !== undefined && known.since <= since ? known : undefined;
  }

  note(row: RequestRow, deadEnd: DeadEnd): void {
    this.#known.set(wishKey(row), deadEnd);
  }
}

const keys = new WeakMap<RequestRow['needs'], string>();

/** Equal for requests that fit on the same agents. Needs are never changed in place, and most requests avoid nothing. */
function wishKey({ needs, constraints, avoid }: RequestRow): string {
  let key = keys.get(needs);
  if (key === undefined) keys.set(needs, (key = JSON.stringify(needs)));
  return constraints.length + avoid.length === 0 ? key : `${key}${JSON.stringify([constraints, avoid])}`;
}

/** Counts move all the time; what matters is whether something else stands in the way than was told. */
export function isKnownBefore(told: PendingReasons, { since, filters, reasons }: DeadEnd): boolean {
  const names = filtersThatReject(told);
  return since < 0 ? sameReasons(told, reasons()) : filters.every((filter) => names.includes(filter));
}

export function isByQuota({ filters }: DeadEnd): boolean {
  return filters.includes('quota');
}
