import type { AgentId, PendingReasons } from '@orrery/contracts';
import { funnelOf, type Filter, type Node } from '@orrery/scheduling';
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
  const all = function* (): IterableIterator<Node> {
    for (const { number } of state.agents.values()) yield state.agents.fleet.nodes[number]!;
  };
  return funnelOf(all(), [isOpen(state), ...filters], examplesMax) as PendingReasons;
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

function isOpen(state: AllocationState): Filter {
  const closedOf = (node: Node): AgentRow['closed'] => state.agents.get(node.id as AgentId)?.closed;
  return {
    name: 'open',
    passes: (node) => closedOf(node) === undefined,
    explain: (node) => `is ${closedOf(node)}`,
    remedy: (rejected) =>
      `start an agent, or bring back one of ${rejected.length}: ${rejected
        .slice(0, 3)
        .map((node) => `${node.hostname} is ${closedOf(node)}`)
        .join(', ')}`,
  };
}
