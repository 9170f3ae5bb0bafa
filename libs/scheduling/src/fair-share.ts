import type { Amounts } from './amounts.js';

/** Who is served next, and how many pods at most before the question is asked again. */
export interface Turn {
  readonly role: string;
  readonly pods: number;
  /** Because of a guarantee. */
  readonly owed: boolean;
}

/** How roles share: a policy gives out turns while a round lasts. */
export interface FairShare {
  readonly name: string;
  open(pool: Pool): Shares;
}

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
