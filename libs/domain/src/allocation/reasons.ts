import type { PendingReasons } from '@orrery/contracts';
import { funnelOf, type Filter, type FleetNode } from '@orrery/scheduling';
import type { AgentRow, AllocationState } from './state.js';

/** Examples in a recorded decision, while few requests wait and when many do: a queue must not bloat the journal. */
const EXAMPLES_MAX = 50;
const EXAMPLES_MAX_OF_MANY = 5;
const MANY_WAIT = 20;

/** Sends every agent as it is now, closed ones first, through the filters that found no place. */
export function reasonsOf(
  state: AllocationState,
  filters: readonly Filter[],
  examplesMax = state.requests.size > MANY_WAIT ? EXAMPLES_MAX_OF_MANY : EXAMPLES_MAX,
): PendingReasons {
  const known = state.agents.fleet.nodes.filter((node) => node !== undefined);
  return funnelOf<FleetNode>(known, [isOpen(state), ...filters], examplesMax) as PendingReasons;
}

export function filtersThatReject({ funnel }: PendingReasons): string[] {
  return funnel.filter(({ rejected }) => rejected > 0).map(({ filter }) => filter);
}

/** Counts move all the time; what matters is what stands in the way. */
export function sameReasons(told: PendingReasons, now: PendingReasons): boolean {
  return (
    filtersThatReject(told).join() === filtersThatReject(now).join() &&
    told.quota?.kind === now.quota?.kind &&
    told.quota?.role === now.quota?.role
  );
}

export function isOpen(state: AllocationState): Filter<FleetNode> {
  const closedOf = ({ number }: FleetNode): AgentRow['closed'] => state.agents.numbered(number)?.closed;
  return {
    name: 'open',
    passes: ({ number }) => state.agents.fleet.isOpen(number),
    explain: (node) => `is ${closedOf(node)}`,
    remedy: (rejected) =>
      `start an agent, or bring back one of ${rejected.length}: ${rejected
        .slice(0, 3)
        .map((node) => `${node.hostname} is ${closedOf(node)}`)
        .join(', ')}`,
  };
}
