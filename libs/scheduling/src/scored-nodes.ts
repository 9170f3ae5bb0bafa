import type { Filter } from './filters/filter.js';
import type { Fleet, FleetNode } from './fleet.js';
import { boostOf } from './lanes.js';
import { Candidates, NO_FIT, Suitability } from './node-ranking.js';
import { spreadingOf, type Wish } from './session.js';

/** A node on which a pod fits, and how well it suits: higher is better. */
export interface ScoredNode {
  readonly node: FleetNode;
  readonly score: number;
}

/**
 * The nodes on which one pod of a wish fits and that pass the filters, as the fleet stands: the best first, equal ones by
 * their numbers. The first of them is the one that a session takes next.
 */
export function scoredNodes(
  fleet: Fleet,
  wish: Wish,
  filters: readonly Filter[],
  among: readonly number[] = fleet.open,
): ScoredNode[] {
  const suitability = new Suitability(fleet, wish);
  const spreading = spreadingOf(wish, 1, () => {
    const { numbers } = new Candidates(fleet, wish, among);
    return numbers.map((number) => fleet.nodes[number]!).filter(({ id }) => !wish.avoid.includes(id));
  });
  const scored: ScoredNode[] = [];
  for (const number of among) {
    const score = fleet.isOpen(number) ? suitability.of(number) : NO_FIT;
    const node = fleet.nodes[number];
    if (score === NO_FIT || node === undefined || !filters.every((filter) => filter.passes(node))) continue;
    scored.push({ node, score: spreading.length === 0 ? score : score + boostOf(spreading, node) });
  }
  return scored.sort((left, right) => right.score - left.score || left.node.number - right.node.number);
}
