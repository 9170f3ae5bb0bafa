import type { Balancing } from './constraints/constraint.js';
import { Heap } from './heap.js';
import type { Node } from './node.js';
import type { NodeRanking } from './node-ranking.js';

/**
 * The best node of a ranking, where GROUP_BY and the like close whole groups for a while. Nodes with the same values of all
 * fields of such rules share a lane; the lanes stand in a heap by their best node. A lane that a constraint closes is parked
 * with it, and comes back when that constraint opens: GROUP_BY does so rarely, so nothing is looked at again and again.
 */
export class Lanes {
  readonly #ranking: NodeRanking;
  readonly #nodes: readonly (Node | undefined)[];
  readonly #balancing: readonly Balancing[];
  readonly #open: Heap;
  readonly #parked: { lanes: number[]; openings: number }[];
  readonly #setAside: number[] = [];

  constructor(ranking: NodeRanking, nodes: readonly (Node | undefined)[], balancing: readonly Balancing[]) {
    this.#ranking = ranking;
    this.#nodes = nodes;
    this.#balancing = balancing;
    this.#parked = balancing.map(({ openings }) => ({ lanes: [], openings }));
    const lanes: number[] = [];
    for (let lane = 0; lane < ranking.candidates.lanes; lane += 1)
      if (ranking.top(lane) !== undefined) lanes.push(lane);
    this.#open = new Heap(lanes, (left, right) => ranking.before(ranking.top(left)!, ranking.top(right)!));
  }

  /** The best node of the lanes that are open now. */
  best(): number | undefined {
    if (this.#balancing.length > 0) this.#comeBack();
    for (;;) {
      const lane = this.#open.top;
      if (lane === undefined) return undefined;
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
