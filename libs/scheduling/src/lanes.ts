import type { Balancing } from './constraints/constraint.js';
import { Heap } from './heap.js';
import type { Node } from './node.js';
import type { NodeRanking } from './node-ranking.js';
import type { Spreading } from './scores/preference.js';

/**
 * The best node of a ranking, where GROUP_BY and the like close whole groups for a while. Nodes with the same values of all
 * fields of such rules share a lane; the lanes stand in a heap by their best node. A lane that a constraint closes is parked
 * with it, and comes back when that constraint opens: GROUP_BY does so rarely, so nothing is looked at again and again.
 * Spreads add to the scores of whole lanes; what they add falls with each pod, so it is enough to look again at the lane on top.
 */
export class Lanes {
  readonly #ranking: NodeRanking;
  readonly #nodes: readonly (Node | undefined)[];
  readonly #balancing: readonly Balancing[];
  readonly #open: Heap;
  readonly #parked: { lanes: number[]; openings: number }[];
  readonly #setAside: number[] = [];
  readonly #spreading: readonly Spreading[];
  /** By lane: what spreads add to the scores of its nodes, as it was when it was last on top. It only falls. */
  readonly #boosts: Float64Array;

  constructor(
    ranking: NodeRanking,
    nodes: readonly (Node | undefined)[],
    balancing: readonly Balancing[],
    spreading: readonly Spreading[],
  ) {
    this.#spreading = spreading;
    this.#boosts = new Float64Array(spreading.length === 0 ? 0 : ranking.candidates.lanes);
    this.#ranking = ranking;
    this.#nodes = nodes;
    this.#balancing = balancing;
    this.#parked = balancing.map(({ openings }) => ({ lanes: [], openings }));
    const lanes: number[] = [];
    for (let lane = 0; lane < ranking.candidates.lanes; lane += 1)
      if (ranking.top(lane) !== undefined) lanes.push(lane);
    if (spreading.length > 0) for (const lane of lanes) this.#boosts[lane] = this.#boostOf(lane);
    this.#open = new Heap(
      lanes,
      spreading.length > 0
        ? (left, right) => this.#isBefore(left, right)
        : (left, right) => ranking.before(ranking.top(left)!, ranking.top(right)!),
    );
  }

  /** The best node of the lanes that are open now. */
  best(): number | undefined {
    if (this.#balancing.length > 0) this.#comeBack();
    for (;;) {
      const lane = this.#open.top;
      if (lane === undefined) return undefined;
      if (this.#hasFallen(lane)) continue;
      const number = this.#ranking.top(lane)!;
      const closedBy = this.#closedBy(number);
      if (closedBy === -1) return number;
      this.#open.pop();
      this.#parked[closedBy]!.lanes.push(lane);
    }
  }

  /** Something was taken from the best node: it has another score, or none, and its group another count. */
  changed(number: number): void {
    const lane = this.#open.top!;
    this.#ranking.update(number);
    this.#laneChanged(lane);
  }

  /** The best node is none for this search. */
  setAside(number: number): void {
    const lane = this.#open.top!;
    this.#ranking.remove(number);
    this.#setAside.push(number);
    this.#laneChanged(lane);
  }

  /** What was set aside is ranked again. */
  close(): void {
    for (const number of this.#setAside) this.#ranking.update(number);
  }

  #laneChanged(lane: number): void {
    if (this.#ranking.top(lane) === undefined) this.#open.pop();
    else this.#open.topChanged();
  }

  #isBefore(left: number, right: number): boolean {
    const [one, other] = [this.#ranking.top(left)!, this.#ranking.top(right)!];
    const difference =
      this.#ranking.scoreOf(one) + this.#boosts[left]! - (this.#ranking.scoreOf(other) + this.#boosts[right]!);
    return difference > 0 || (difference === 0 && this.#ranking.before(one, other));
  }

  /** Pods were placed in its groups since it was last on top: it moves to where it belongs now. */
  #hasFallen(lane: number): boolean {
    if (this.#spreading.length === 0) return false;
    const boost = this.#boostOf(lane);
    if (boost === this.#boosts[lane]) return false;
    this.#boosts[lane] = boost;
    this.#open.topChanged();
    return true;
  }

  #boostOf(lane: number): number {
    return boostOf(this.#spreading, this.#nodes[this.#ranking.top(lane)!]!);
  }

  #closedBy(number: number): number {
    for (let at = 0; at < this.#balancing.length; at += 1)
      if (!this.#balancing[at]!.passes(this.#nodes[number]!)) return at;
    return -1;
  }

  #comeBack(): void {
    for (const [index, parked] of this.#parked.entries()) {
      const { openings } = this.#balancing[index]!;
      if (openings === parked.openings) continue;
      parked.openings = openings;
      for (const lane of parked.lanes.splice(0)) this.#open.push(lane);
    }
  }
}

/** What all spreads together add to the score of a node. */
export function boostOf(spreading: readonly Spreading[], node: Node): number {
  let boost = 0;
  for (const spread of spreading) boost += spread.of(node);
  return boost;
}
