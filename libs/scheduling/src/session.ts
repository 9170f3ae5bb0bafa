import { constraintsOf, type Around, type Constraints } from './constraints/constraints.js';
import type { Balancing, Constraint } from './constraints/constraint.js';
import { avoidFilter } from './filters/avoid.js';
import { enoughCpus, enoughDisk, enoughGpus, enoughMemory } from './filters/amount.js';
import type { Filter } from './filters/filter.js';
import { freeDisks } from './filters/free-disks.js';
import { freePorts } from './filters/free-ports.js';
import type { Fleet } from './fleet.js';
import { boostOf, Lanes } from './lanes.js';
import type { Needs, Node } from './node.js';
import { Picks } from './picks.js';
import { Spreading } from './scores/preference.js';
import { Candidates, NO_FIT, NodeRanking, Suitability, type Kind } from './node-ranking.js';

/** Places for a number of identical pods. */
export interface Wish extends Kind, Around {
  /** Ids of nodes not to be chosen. */
  readonly avoid: readonly string[];
  /** Pods that the set is to have in all, for spreads by shares; absent: its peers and what is asked for now. */
  readonly size?: number;
}

/** What was found, and the filters in the state in which the last pod found none: they can explain each node. */
export interface Found {
  readonly picks: Picks;
  readonly filters: () => readonly Filter[];
}

/**
 * Several wishes placed one after the other on the same fleet: each sees what those before it took. A session takes from the
 * fleet itself, and gives everything back when it is closed.
 *
 * A pod costs a step in a heap: taking from one node changes the score of no other, and the order of the nodes is kept from
 * one decision to the next. A policy that fills nodes up takes a whole node at a time.
 */
export class Session {
  readonly #fleet: Fleet;
  readonly #searches: Search[] = [];
  #looked = 0;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** How many nodes were looked at so far: the measure of the work done; a wish itself counts as some. */
  get looked(): number {
    return this.#looked;
  }

  /** A node as it is now, after what the session took. */
  node(id: string): Node | undefined {
    const number = this.#fleet.numberOf(id);
    return number === undefined ? undefined : this.#fleet.nodes[number];
  }

  /** Up to `count` places, on any open node or on those of these numbers alone. */
  place(wish: Wish, count: number, among?: readonly number[]): Found {
    const fleet = this.#fleet;
    const constraints = constraintsOf(wish.rules, wish);
    const avoided = new Set(wish.avoid.map((id) => fleet.numberOf(id)));
    const open = among?.filter((number) => fleet.isOpen(number));
    const ranking = open === undefined ? fleet.rankings.of(wish, count) : undefined;
    const looked = open?.length ?? ranking?.refresh() ?? fleet.open.length;
    this.#looked += WISH_COST + looked;
    const candidates = ranking?.candidates ?? new Candidates(fleet, wish, open);
    const balancing = constraints.balancing(() => groupsLeft(fleet, candidates, avoided));
    const spreading = spreadingOf(wish, count, () => groupsLeft(fleet, candidates, avoided));
    const suitability = ranking?.suitability ?? new Suitability(fleet, wish);
    const search = new Search(fleet, wish, suitability, {
      avoided,
      balancing,
      spreading,
      narrowing: constraints.narrowing,
    });
    if (count === 1 && ranking === undefined) search.one(candidates.numbers);
    else if (count > 0) search.many(ranking ?? new NodeRanking(fleet, wish, open), count);
    if (search.picks.count > 0) this.#searches.push(search);
    const fixed = [avoidFilter(wish.avoid), ...constraints.fixed];
    return { picks: search.picks, filters: () => filtersOf(wish.needs, fixed, constraints, balancing) };
  }

  /** A moment that it can go back to. */
  get moment(): number {
    return this.#searches.length;
  }

  /** Gives back what was taken since. */
  backTo(moment: number): void {
    while (this.#searches.length > moment) this.#searches.pop()!.giveBack();
  }

  /** The fleet is as it was before the session. */
  close(): void {
    this.backTo(0);
  }
}

/** The spreads of a wish, each with the shares of its groups. */
export function spreadingOf(
  { preferences, peers, size }: Wish,
  count: number,
  nodes: () => Iterable<Node>,
): readonly Spreading[] {
  if (preferences === undefined || preferences.spreads.length === 0) return [];
  const inAll = size ?? peers.reduce((sum, peer) => sum + peer.count, count);
  return preferences.spreads.map((spread) => new Spreading(spread, peers, nodes(), inAll));
}

/** What setting up a wish costs, in looks at a node. */
const WISH_COST = 200;

/** Nodes that have every value that a group may be of. */
function groupsLeft(fleet: Fleet, { numbers, samples }: Candidates, avoided: ReadonlySet<unknown>): Iterable<Node> {
  if (avoided.size === 0) return samples;
  return numbers.filter((number) => !avoided.has(number)).map((number) => fleet.nodes[number]!);
}

/** Every filter of a wish, in the order of the funnel. */
function filtersOf(
  needs: Needs,
  fixed: readonly Filter[],
  { narrowing }: Constraints,
  balancing: readonly Balancing[],
): Filter[] {
  const filters: Filter[] = [...fixed, ...narrowing, ...balancing];
  if (needs.cpusMilli > 0) filters.push(enoughCpus(needs.cpusMilli));
  if (needs.memoryMib > 0) filters.push(enoughMemory(needs.memoryMib));
  if (needs.diskMib > 0) filters.push(enoughDisk(needs.diskMib));
  if (needs.disks !== undefined && needs.disks.length > 0) filters.push(freeDisks(needs.disks));
  if (needs.gpus > 0) filters.push(enoughGpus(needs.gpus));
  if (needs.ports.length > 0) filters.push(freePorts(needs.ports));
  return filters;
}

/** What a wish looks at beside its kind. */
interface Bounds {
  readonly avoided: ReadonlySet<unknown>;
  readonly narrowing: readonly Constraint[];
  readonly balancing: readonly Balancing[];
  readonly spreading: readonly Spreading[];
}

/** One wish on its way through the nodes: takes the best, looks at it again, and so on. */
class Search {
  readonly picks = new Picks();
  /** Devices that were free on the node of each pick before it, where any are asked for. */
  readonly #gpusBefore: (readonly string[])[] = [];
  readonly #fleet: Fleet;
  readonly #needs: Needs;
  readonly #disks: NonNullable<Needs['disks']>;
  readonly #suitability: Suitability;
  readonly #bounds: Bounds;
  readonly #fillsUp: boolean;

  constructor(fleet: Fleet, { needs }: Wish, suitability: Suitability, bounds: Bounds) {
    this.#fleet = fleet;
    this.#needs = needs;
    this.#disks = needs.disks ?? [];
    this.#suitability = suitability;
    this.#bounds = bounds;
    this.#fillsUp =
      suitability.score.fillsUp &&
      bounds.narrowing.every(({ effect }) => effect === 'settled') &&
      bounds.balancing.length + bounds.spreading.length === 0;
  }

  many(ranking: NodeRanking, count: number): void {
    const lanes = new Lanes(ranking, this.#fleet.nodes, this.#bounds.balancing, this.#bounds.spreading);
    while (this.picks.count < count) {
      const number = lanes.best();
      if (number === undefined) break;
      if (this.#excludes(number)) lanes.setAside(number);
      else {
        const wanted = count - this.picks.count;
        this.#takeFrom(number, this.#fillsUp ? this.#suitability.count(number, wanted) : 1);
        lanes.changed(number);
      }
    }
    lanes.close();
  }

  /** The best of these for a single pod: no order among the others is needed. */
  one(numbers: readonly number[]): void {
    let best = -1;
    let bestScore = NO_FIT;
    let bestBefore = NO_FIT;
    const { spreading } = this.#bounds;
    for (const number of numbers) {
      const own = this.#suitability.of(number);
      if (own === NO_FIT) continue;
      const score = spreading.length === 0 ? own : own + boostOf(spreading, this.#fleet.nodes[number]!);
      if (score < bestScore || (score === bestScore && (own < bestBefore || (own === bestBefore && number > best))))
        continue;
      if (this.#excludes(number) || !this.#isBalanced(number)) continue;
      best = number;
      bestScore = score;
      bestBefore = own;
    }
    if (best !== -1) this.#takeFrom(best, 1);
  }

  /** The last things taken first. */
  giveBack(): void {
    const fleet = this.#fleet;
    const needs = this.#needs;
    const { numbers, counts, ports } = this.picks;
    let port = ports.length - 1;
    for (let pick = numbers.length - 1; pick >= 0; pick -= 1) {
      const number = numbers[pick]!;
      fleet.hold(number, needs, -counts[pick]!);
      if (needs.ports.length > 0) {
        const free = fleet.portSets[number]!;
        for (const end = port - counts[pick]! * needs.ports.length; port > end; port -= 1) free.add(ports[port]!);
        fleet.portsChanged(number);
      }
      if (needs.gpus > 0) fleet.putGpus(number, this.#gpusBefore[pick]!);
      if (this.#disks.length > 0) this.#releaseDisks(number, this.picks.disks[pick]!);
    }
  }

  #takeFrom(number: number, count: number): void {
    const needs = this.#needs;
    const fleet = this.#fleet;
    this.picks.add(number, count);
    fleet.hold(number, needs, count);
    if (needs.ports.length > 0) {
      const free = fleet.portSets[number]!;
      for (let pod = 0; pod < count; pod += 1) free.takeFor(needs.ports, this.picks.ports);
      fleet.portsChanged(number);
    }
    if (needs.gpus > 0) this.#takeGpus(number, count);
    if (this.#disks.length > 0) this.#takeDisks(number, count);
    const node = fleet.nodes[number]!;
    const { narrowing, balancing, spreading } = this.#bounds;
    for (const constraint of narrowing) for (let pod = 0; pod < count; pod += 1) constraint.placed(node);
    for (const constraint of balancing) for (let pod = 0; pod < count; pod += 1) constraint.placed(node);
    for (const spread of spreading) for (let pod = 0; pod < count; pod += 1) spread.placed(node);
  }

  #takeGpus(number: number, count: number): void {
    const { gpus } = this.#needs;
    const ids = this.#fleet.gpuIds[number]!;
    this.#gpusBefore.push(ids);
    for (let pod = 0; pod < count; pod += 1) this.picks.gpuIds.push(ids.slice(pod * gpus, (pod + 1) * gpus));
    this.#fleet.putGpus(number, ids.slice(count * gpus));
  }

  /** Pods whose volumes need disks of their own are placed one by one. */
  #takeDisks(number: number, count: number): void {
    const disks = this.#fleet.diskSets[number]!;
    for (let pod = 0; pod < count; pod += 1) this.picks.disks.push(disks.take(this.#disks));
    this.#fleet.disksChanged(number);
  }

  #releaseDisks(number: number, names: readonly string[]): void {
    const disks = this.#fleet.diskSets[number]!;
    for (const [at, name] of names.entries()) disks.release(name, this.#disks[at]!.sizeMib);
    this.#fleet.disksChanged(number);
  }

  #excludes(number: number): boolean {
    const { avoided, narrowing } = this.#bounds;
    if (avoided.size > 0 && avoided.has(number)) return true;
    for (const constraint of narrowing) if (!constraint.passes(this.#fleet.nodes[number]!)) return true;
    return false;
  }

  #isBalanced(number: number): boolean {
    for (const constraint of this.#bounds.balancing) if (!constraint.passes(this.#fleet.nodes[number]!)) return false;
    return true;
  }
}
