import type { Filter } from './filters/filter.js';
import type { Fleet, FleetNode } from './fleet.js';
import { NO_FIT, Suitability, type Kind } from './node-ranking.js';

/** A node on which a pod fits, and how well it suits: higher is better. */
export interface ScoredNode {
  readonly node: FleetNode;
  readonly score: number;
}

/**
 * The nodes on which one pod of a kind fits and that pass the filters, as the fleet stands: the best first, equal ones by
 * their numbers. The first of them is the one that a session takes next.
 */
export function scoredNodes(
  fleet: Fleet,
  kind: Kind,
  filters: readonly Filter[],
  among: readonly number[] = fleet.open,
): ScoredNode[] {
  const suitability = new Suitability(fleet, kind);
  const scored: ScoredNode[] = [];
  for (const number of among) {
    const score = fleet.isOpen(number) ? suitability.of(number) : NO_FIT;
    const node = fleet.nodes[number];
    if (score === NO_FIT || node === undefined || !filters.every((filter) => filter.passes(node))) continue;
    scored.push({ node, score });
  }
  return scored.sort((left, right) => right.score - left.score || left.node.number - right.node.number);
}
