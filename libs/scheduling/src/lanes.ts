import type { GroupBy } from './constraints/group-by.js';
import { Heap } from './heap.js';
import type { Node } from './node.js';

/**
 * Candidates in the order of their scores, where GROUP_BY closes whole groups for a while. Nodes with the same values of all
 * GROUP_BY fields share a lane, a heap of its own; the lanes stand in a heap by their best node. A lane that a constraint
 * closes is parked with it, and comes back when the fewest of that constraint rise: each placement parks few lanes, so
 * nothing is looked at again and again.
 */
export class Lanes {
  readonly #lanes: Heap[] = [];
  readonly #open: Heap;
  readonly #balancing: readonly GroupBy[];
  readonly #nodes: readonly (Node | undefined)[];
  readonly #parked: { lanes: number[]; fewest: number }[];

  constructor(
    candidates: readonly number[],
    nodes: readonly (Node | undefined)[],
    balancing: readonly GroupBy[],
    before: (left: number, right: number) => boolean,
  ) {
    this.#nodes = nodes;
    this.#balancing = balancing;
    this.#parked = balancing.map(({ fewest }) => ({ lanes: [], fewest }));
    const slots = new Map<string, number[]>();
    for (const slot of candidates) {
      const values = balancing.map((constraint) => constraint.valueOf(nodes[slot]!));
      if (values.includes(undefined)) continue;
      const key = values.length === 0 ? '' : JSON.stringify(values);
      const lane = slots.get(key);
      if (lane === undefined) slots.set(key, [slot]);
      else lane.push(slot);
    }
    for (const lane of slots.values()) this.#lanes.push(new Heap(lane, before));
    const byBest = (left: number, right: number) => before(this.#lanes[left]!.top!, this.#lanes[right]!.top!);
    this.#open = new Heap([...this.#lanes.keys()], byBest);
  }

  /** The best candidate of the lanes that are open now. */
  best(): number | undefined {
    this.#comeBack();
    for (;;) {
      const lane = this.#open.top;
      if (lane === undefined) return undefined;
      const slot = this.#lanes[lane]!.top!;
      const closedBy = this.#balancing.findIndex((constraint) => !constraint.passes(this.#nodes[slot]!));
      if (closedBy === -1) return slot;
      this.#open.pop();
      this.#parked[closedBy]!.lanes.push(lane);
    }
  }

  /** The best candidate has another score now, or its group another count. */
  changed(): void {
    this.#lanes[this.#open.top!]!.topChanged();
    this.#open.topChanged();
  }

  /** The best candidate is none any more. */
  drop(): void {
    const lane = this.#lanes[this.#open.top!]!;
    lane.pop();
    if (lane.size === 0) this.#open.pop();
    else this.#open.topChanged();
  }

  #comeBack(): void {
    for (const [index, parked] of this.#parked.entries()) {
      const { fewest } = this.#balancing[index]!;
      if (fewest === parked.fewest) continue;
      parked.fewest = fewest;
      for (const lane of parked.lanes.splice(0)) this.#open.push(lane);
    }
  }
}
