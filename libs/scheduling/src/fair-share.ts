import { assert } from '@orrery/kernel';
import type { Amounts } from './amounts.js';

/** A role that has work waiting. */
export interface Claim {
  readonly role: string;
  readonly weight: number;
  /** What it holds now. */
  readonly used: Amounts;
  /** What its next pod needs. */
  readonly next: Amounts;
}

/** Who is served next, and how many pods at most before the question is asked again. */
export interface Turn {
  readonly role: string;
  readonly pods: number;
  /** Because of a guarantee. */
  readonly owed: boolean;
}

/** How roles share. Quota, hierarchy and reservations are other policies behind the same question. */
export interface FairShare {
  readonly name: string;
  /** At least one claim; equal ones are told apart by the name of the role. */
  turn(claims: readonly Claim[], total: Amounts): Omit<Turn, 'owed'>;
}

/** So much of the pool may a role take beyond the next one before it has to wait: bounds unfairness and the number of turns. */
const STRIDE = 0.005;

/**
 * Whoever has the smallest dominant share for its weight comes next (Ghodsi et al., "Dominant Resource Fairness", NSDI
 * 2011), for as many pods as bring it a stride beyond the second.
 */
export const dominantResourceFairness: FairShare = {
  name: 'dominant-resource-fairness',
  turn(claims, total) {
    assert(claims.length > 0, 'nobody waits for a turn');
    let first: Claim | undefined;
    let firstShare = 0;
    let second = Number.POSITIVE_INFINITY;
    for (const claim of claims) {
      const share = weightedShare(claim.used, claim.weight, total);
      if (first === undefined || share < firstShare || (share === firstShare && claim.role < first.role)) {
        if (first !== undefined) second = Math.min(second, firstShare);
        first = claim;
        firstShare = share;
      } else second = Math.min(second, share);
    }
    const aPod = weightedShare(first!.next, first!.weight, total);
    const pods = aPod === 0 ? Number.POSITIVE_INFINITY : Math.floor((second - firstShare + STRIDE) / aPod);
    return { role: first!.role, pods: Math.max(1, pods) };
  },
};

export type ResourceName = 'cpus' | 'memory' | 'disk' | 'gpus';

/** What is shared, and what is known of a role or of a path above one. */
export interface Pool {
  readonly total: Amounts;
  /** Left out of fairness: nobody falls behind for holding what few have (Mesos: excluded resources). */
  readonly scarce: readonly ResourceName[];
  standingOf(path: string): Standing;
}

export interface Standing {
  readonly weight: number;
  /** What it and all roles below it hold. */
  readonly used: Amounts;
  /** What it holds itself. */
  readonly own: Amounts;
}

/** The shares of those that wait, kept up as they are served. */
export interface Shares {
  /** The role waits for a pod of these needs. `owed`: something that was guaranteed to it is missing. */
  wait(role: string, next: Amounts, owed?: boolean): void;
  /** It waits no longer. */
  rest(role: string): void;
  give(role: string, amounts: Amounts): void;
  /** Nobody waits: none. */
  turn(): Turn | undefined;
  /** Where a role stands, from the top level down. */
  trace(role: string): ShareLevel[];
}

/** How a role, or what is above it, stands among its siblings that wait. */
export interface ShareLevel {
  /** `eng/.` is what `eng` wants for itself, beside the roles below it. */
  readonly path: string;
  readonly weight: number;
  readonly used: Amounts;
  /** The resource of which it holds most; nothing held: none. */
  readonly dominant?: ResourceName;
  readonly share: number;
  readonly weightedShare: number;
  readonly waits: boolean;
  /** So many of its rivals come before it; 0: it is next. */
  readonly ahead: number;
  readonly rivals: number;
  /** The first of the others. */
  readonly nearest?: { readonly path: string; readonly weightedShare: number };
}

/** The largest fraction of any resource of the pool, divided by the weight. */
export function weightedShare(used: Amounts, weight: number, total: Amounts): number {
  const share = Math.max(
    fraction(used.cpusMilli, total.cpusMilli),
    fraction(used.memoryMib, total.memoryMib),
    fraction(used.diskMib, total.diskMib),
    fraction(used.gpus, total.gpus),
  );
  return share / weight;
}

function fraction(part: number, whole: number): number {
  return whole <= 0 ? 0 : part / whole;
}
