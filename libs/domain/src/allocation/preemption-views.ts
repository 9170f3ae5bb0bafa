import {
  countIds,
  countIn,
  isIn,
  ordinalOf,
  priorityOf,
  seqOf,
  type GrantId,
  type PreemptionReasons,
  type Preemptor,
} from '@orrery/contracts';
import type { Evictions, Filter } from '@orrery/scheduling';
import type { EpochMs } from '@orrery/kernel';
import { Evictables, type LotGroup } from './evictables.js';
import type { LotRow } from './lots.js';
import { budgetOf, ordinalsBySeq, withinWindow } from './preemptions.js';
import { ledgerOf, type AllocationState, type RequestRow } from './state.js';

/** What a cell preempts, and what it may. */
export interface PreemptionView {
  /** As set; absent: 1 % of what runs, at least 10. */
  readonly perMinute?: number;
  /** Pods that may be preempted in a minute as things are. */
  readonly budget: number;
  /** Preempted in the minute before. */
  readonly spent: number;
  readonly orders: readonly {
    readonly preemption: string;
    readonly for: Preemptor;
    /** Pods that get a place by it, and those that have not made way yet. */
    readonly pods: number;
    readonly awaited: number;
    readonly until: EpochMs;
  }[];
}

export function preemptionView(state: AllocationState, at: EpochMs): PreemptionView {
  const ledger = ledgerOf(state);
  const { budgetPerMinute: perMinute } = ledger;
  return {
    ...(perMinute === undefined ? {} : { perMinute }),
    budget: budgetOf(state),
    spent: withinWindow(ledger, at).reduce((sum, [, pods]) => sum + pods, 0),
    orders: Array.from(state.preemptions.entries(), ([preemption, row]) => ({
      preemption,
      for: row.for,
      pods: row.places.reduce((sum, [, pods]) => sum + pods, 0),
      awaited: countIds(row.victims),
      until: row.until,
    })),
  };
}

/** For whom a grant is wanted back. */
export function preemptorOfGrant(state: AllocationState, grant: GrantId): Preemptor | undefined {
  for (const { victims, for: by } of state.preemptions.values())
    if (isIn(ordinalsBySeq(victims).get(seqOf(grant)) ?? [], ordinalOf(grant))) return by;
  return undefined;
}

/**
 * What preemption does or would do for a pod that waits for room; nothing where nobody could make way. The fleet stands as
 * its role sees it, and `filters` are those that found no place.
 */
export function preemptionReasons(
  state: AllocationState,
  row: RequestRow,
  filters: readonly Filter[],
): PreemptionReasons | undefined {
  const ordered = orderedFor(state, row);
  if (ordered !== undefined) return ordered;
  const evictables = new Evictables(state);
  if (!evictables.isAny(row)) return undefined;
  const nodes = evictables.nodesFor(row, filters);
  const within = evictables.plan(row, 1, nodes, Number.POSITIVE_INFINITY);
  const plan = within.pods > 0 ? within : evictables.planAnyway(row, nodes);
  if (plan.pods === 0) return undefined;
  const victims = namedOf(plan);
  const pods = plan.victims.length;
  const standing = standingOf(state, row, within.pods > 0);
  const until = standing === 'budget' && row.heldUntil !== undefined ? { until: row.heldUntil } : {};
  const message = `would fit after preempting ${told(victims)}; not done because ${reasonOf(standing, state)}`;
  return { standing, pods, victims, ...until, message };
}

/** Who makes way for it already. */
export function orderedFor(state: AllocationState, row: RequestRow): PreemptionReasons | undefined {
  const victims = new Map<string, PreemptionReasons['victims'][number]>();
  let isOrdered = false;
  for (const [, order] of state.preemptions.by('request', row.request)) {
    isOrdered ||= order.places.length > 0;
    for (const { lot, ordinals } of state.lots.live(order.victims)) count(victims, lot, countIn(ordinals));
  }
  if (!isOrdered) return undefined;
  const all = [...victims.values()];
  const pods = all.reduce((sum, victim) => sum + victim.pods, 0);
  const message = pods === 0 ? 'others made way for it' : `${told(all)} make way for it`;
  return { standing: 'ordered', pods, victims: all, message };
}

function standingOf(
  state: AllocationState,
  { heldUntil }: RequestRow,
  withinShares: boolean,
): PreemptionReasons['standing'] {
  if (budgetOf(state) === 0) return 'off';
  if (!withinShares) return 'share';
  return heldUntil === undefined ? 'next' : 'budget';
}

function reasonOf(standing: PreemptionReasons['standing'], state: AllocationState): string {
  switch (standing) {
    case 'off':
      return 'preemption is switched off: its budget is 0';
    case 'share':
      return 'a service loses at most a tenth of its pods at once, and some are making way already';
    case 'budget':
      return `${budgetOf(state)} pods may be preempted in a minute and that many were`;
    default:
      return 'it was not its turn yet';
  }
}

function namedOf({ victims }: Evictions<LotGroup>): PreemptionReasons['victims'] {
  const named = new Map<string, PreemptionReasons['victims'][number]>();
  for (const { group } of victims) count(named, group.lot, 1);
  return [...named.values()];
}

function count(named: Map<string, PreemptionReasons['victims'][number]>, lot: LotRow, pods: number): void {
  const { service, pod, role, revocable = false } = lot;
  const key = `${service} ${pod} ${priorityOf(lot)} ${revocable}`;
  const before = named.get(key)?.pods ?? 0;
  named.set(key, { service, pod, role, priority: priorityOf(lot), revocable, pods: before + pods });
}

function told(victims: PreemptionReasons['victims']): string {
  return victims
    .map(({ service, pod, priority, revocable, pods }) => {
      const what = `${pods} ${pods === 1 ? 'pod' : 'pods'} of ${service} ${pod}`;
      return `${what} (${revocable ? 'revocable, ' : ''}priority ${priority})`;
    })
    .join(', ');
}
