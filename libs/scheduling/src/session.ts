import { constraintsOf, type Constraints } from './constraints/constraints.js';
import type { Constraint, Peer, Rule } from './constraints/constraint.js';
import type { GroupBy } from './constraints/group-by.js';
import { avoidFilter } from './filters/avoid.js';
import { enoughCpus, enoughDisk, enoughGpus, enoughMemory } from './filters/amount.js';
import type { Filter } from './filters/filter.js';
import { freePorts } from './filters/free-ports.js';
import { Lanes } from './lanes.js';
import { bulkOf, fitCount, fits, holdingsFor, take, type Holding, type Needs, type Node } from './node.js';
import { pack } from './scores/pack.js';
import type { Policy, Score } from './scores/score.js';
import { spread } from './scores/spread.js';

/** Nodes in the order of their ids, none twice, and where each stands. */
export interface Nodes {
  readonly all: readonly Node[];
  slotOf(id: string): number | undefined;
}

/** Places for a number of identical pods. */
export interface Wish {
  readonly needs: Needs;
  readonly rules: readonly Rule[];
  readonly policy: Policy;
  /** Ids of nodes not to be chosen. */
  readonly avoid: readonly string[];
  /** Where pods of the set run already. */
  readonly peers: readonly Peer[];
}

export interface Place {
  /** As it was when the session began. */
  readonly nodeId: string;
  readonly holding: Holding;
}

/** What was found, and the filters in the state in which the last pod found none: they can explain each node. */
export interface Found {
  readonly places: readonly Place[];
  readonly filters: readonly Filter[];
}

/**
 * Several wishes placed one after the other on the same nodes. A session never changes what it was given: it keeps a node
 * anew whenever it takes from it, so later wishes see what earlier ones took.
 *
 * A set of identical pods costs one pass over the nodes and then a step in a heap a pod, since taking from one node changes
 * the score of no other; a policy that fills nodes up takes a whole node at a time.
 */
export class Session {
  readonly #nodes: Node[];
  readonly #slotOf: (id: string) => number | undefined;
  #looked = 0;

  constructor(nodes: Nodes) {
    this.#nodes = nodes.all.slice();
    this.#slotOf = (id) => nodes.slotOf(id);
  }

  /** How many nodes were looked at so far: the measure of the work done; a wish itself counts as some. */
  get looked(): number {
    return this.#looked;
  }

  /** A node as it is now, after what the session took. */
  node(id: string): Node | undefined {
    const slot = this.#slotOf(id);
    return slot === undefined ? undefined : this.#nodes[slot];
  }

  /** Up to `count` places, on any node or on those named alone. */
  place(wish: Wish, count: number, among?: readonly string[]): Found {
    const constraints = constraintsOf(wish.rules, wish.peers);
    const fixed = [avoidFilter(wish.avoid), ...constraints.fixed];
    const allowed = this.#allowed(fixed, among);
    const balancing = constraints.balancing(() => allowed.map((slot) => this.#nodes[slot]!));
    const search = new Search(this.#nodes, wish.needs, scoreOf[wish.policy], constraints.narrowing, balancing);
    const places = search.run(allowed, count);
    return { places, filters: filtersOf(wish.needs, fixed, constraints, balancing) };
  }

  #allowed(fixed: readonly Filter[], among: readonly string[] | undefined): number[] {
    const slots: number[] = [];
    const look = (slot: number) => {
      const node = this.#nodes[slot]!;
      for (const filter of fixed) if (!filter.passes(node)) return;
      slots.push(slot);
    };
    if (among === undefined) for (let slot = 0; slot < this.#nodes.length; slot += 1) look(slot);
    else
      for (const id of among) {
        const slot = this.#slotOf(id);
        if (slot !== undefined) look(slot);
      }
    this.#looked += WISH_COST + (among?.length ?? this.#nodes.length);
    return slots;
  }
}

/** What setting up a wish costs, in looks at a node. */
const WISH_COST = 20;

const scoreOf: Readonly<Record<Policy, Score>> = { pack, spread };

/** Every filter of a wish, in the order of the funnel. */
function filtersOf(
  needs: Needs,
  fixed: readonly Filter[],
  { narrowing }: Constraints,
  balancing: readonly GroupBy[],
): Filter[] {
  const filters: Filter[] = [...fixed, ...narrowing, ...balancing];
  if (needs.cpusMilli > 0) filters.push(enoughCpus(needs.cpusMilli));
  if (needs.memoryMib > 0) filters.push(enoughMemory(needs.memoryMib));
  if (needs.diskMib > 0) filters.push(enoughDisk(needs.diskMib));
  if (needs.gpus > 0) filters.push(enoughGpus(needs.gpus));
  if (needs.ports.length > 0) filters.push(freePorts(needs.ports));
  return filters;
}

/** One wish on its way through the nodes: takes the best, looks at it again, and so on. */
class Search {
  readonly #nodes: Node[];
  readonly #needs: Needs;
  readonly #score: Score;
  readonly #narrowing: readonly Constraint[];
  readonly #balancing: readonly GroupBy[];
  #scores = new Float64Array(0);

  constructor(
    nodes: Node[],
    needs: Needs,
    score: Score,
    narrowing: readonly Constraint[],
    balancing: readonly GroupBy[],
  ) {
    this.#nodes = nodes;
    this.#needs = needs;
    this.#score = score;
    this.#narrowing = narrowing;
    this.#balancing = balancing;
  }

  run(allowed: readonly number[], count: number): Place[] {
    if (count === 1) return this.#one(allowed);
    const places: Place[] = [];
    const lanes = new Lanes(this.#candidates(allowed), this.#nodes, this.#balancing, (left, right) => {
      const difference = this.#scores[left]! - this.#scores[right]!;
      return difference > 0 || (difference === 0 && left < right);
    });
    while (places.length < count) {
      const slot = lanes.best();
      if (slot === undefined) break;
      if (this.#narrowed(slot)) {
        lanes.drop();
        continue;
      }
      this.#takeFrom(slot, this.#atOnce(slot, count - places.length), places);
      if (fits(this.#nodes[slot]!.free, this.#needs)) {
        this.#scores[slot] = this.#scoreOf(slot);
        lanes.changed();
      } else lanes.drop();
    }
    return places;
  }

  /** The best for a single pod: no order among the others is needed. */
  #one(allowed: readonly number[]): Place[] {
    let best: number | undefined;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (const slot of allowed) {
      if (!fits(this.#nodes[slot]!.free, this.#needs) || !this.#passes(slot)) continue;
      const score = this.#scoreOf(slot);
      if (best !== undefined && (score < bestScore || (score === bestScore && slot > best))) continue;
      best = slot;
      bestScore = score;
    }
    const places: Place[] = [];
    if (best !== undefined) this.#takeFrom(best, 1, places);
    return places;
  }

  #candidates(allowed: readonly number[]): number[] {
    this.#scores = new Float64Array(this.#nodes.length);
    const candidates: number[] = [];
    for (const slot of allowed) {
      if (!fits(this.#nodes[slot]!.free, this.#needs) || this.#narrowed(slot)) continue;
      this.#scores[slot] = this.#scoreOf(slot);
      candidates.push(slot);
    }
    return candidates;
  }

  #atOnce(slot: number, wanted: number): number {
    if (!this.#score.fillsUp || this.#narrowing.length > 0 || this.#balancing.length > 0) return 1;
    return fitCount(this.#nodes[slot]!.free, this.#needs, wanted);
  }

  #takeFrom(slot: number, count: number, places: Place[]): void {
    const node = this.#nodes[slot]!;
    const holdings = holdingsFor(node.free, this.#needs, count);
    for (const holding of holdings) places.push({ nodeId: node.id, holding });
    this.#nodes[slot] = { ...node, free: take(node.free, bulkOf(this.#needs, holdings)) };
    for (const constraint of this.#narrowing) constraint.placed(node);
    for (const constraint of this.#balancing) constraint.placed(node);
  }

  #narrowed(slot: number): boolean {
    for (const constraint of this.#narrowing) if (!constraint.passes(this.#nodes[slot]!)) return true;
    return false;
  }

  #passes(slot: number): boolean {
    if (this.#narrowed(slot)) return false;
    for (const constraint of this.#balancing) if (!constraint.passes(this.#nodes[slot]!)) return false;
    return true;
  }

  #scoreOf(slot: number): number {
    const node = this.#nodes[slot]!;
    return this.#score.of(node, node.free, this.#needs);
  }
}
