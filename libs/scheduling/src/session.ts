import { constraintsOf, type Constraints } from './constraints/constraints.js';
import type { Constraint, Peer, Rule } from './constraints/constraint.js';
import type { GroupBy } from './constraints/group-by.js';
import { avoidFilter } from './filters/avoid.js';
import { enoughCpus, enoughDisk, enoughGpus, enoughMemory } from './filters/amount.js';
import type { Filter } from './filters/filter.js';
import { freePorts } from './filters/free-ports.js';
import type { Fleet } from './fleet.js';
import { Lanes } from './lanes.js';
import type { Needs, Node } from './node.js';
import { Picks } from './picks.js';
import { portsFit, takePorts, type PortRanges } from './ports.js';
import { pack } from './scores/pack.js';
import { useAfter, type Policy, type Score } from './scores/score.js';
import { spread } from './scores/spread.js';

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

/** What was found, and the filters in the state in which the last pod found none: they can explain each node. */
export interface Found {
  readonly picks: Picks;
  readonly filters: () => readonly Filter[];
}

/**
 * Several wishes placed one after the other on the same fleet: each sees what those before it took. A session takes from the
 * fleet itself, and gives everything back when it is closed.
 *
 * A set of identical pods costs one pass over columns of numbers and then a step in a heap a pod, since taking from one node
 * changes the score of no other; a policy that fills nodes up takes a whole node at a time.
 */
export class Session {
  readonly #fleet: Fleet;
  readonly #taken: Taken;
  #looked = 0;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
    this.#taken = new Taken(fleet);
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
    const constraints = constraintsOf(wish.rules, wish.peers);
    const fixed = [avoidFilter(wish.avoid), ...constraints.fixed];
    const allowed = this.#allowed(wish, constraints.fixed, among);
    const { nodes } = this.#fleet;
    const balancing = constraints.balancing(() => allowed.map((number) => nodes[number]!));
    const search = new Search(this.#fleet, this.#taken, wish, constraints.narrowing, balancing);
    const picks = search.run(allowed, count);
    return { picks, filters: () => filtersOf(wish.needs, fixed, constraints, balancing) };
  }

  /** The fleet is as it was before the session. */
  close(): void {
    this.#taken.giveBack();
  }

  #allowed(wish: Wish, fixed: readonly Filter[], among: readonly number[] | undefined): readonly number[] {
    const fleet = this.#fleet;
    let allowed: readonly number[] = fleet.open;
    if (among !== undefined) allowed = among.filter((number) => fleet.isOpen(number));
    this.#looked += WISH_COST + allowed.length;
    if (wish.avoid.length > 0) {
      const avoided = new Set(wish.avoid.map((id) => fleet.numberOf(id)));
      allowed = allowed.filter((number) => !avoided.has(number));
    }
    return fixed.length === 0
      ? allowed
      : allowed.filter((number) => fixed.every((filter) => filter.passes(fleet.nodes[number]!)));
  }
}

/** What setting up a wish costs, in looks at a node. */
const WISH_COST = 200;

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

/** What was free on each node before something was taken from it: the first time only, and given back in one go. */
class Taken {
  readonly #fleet: Fleet;
  readonly #known = new Set<number>();
  readonly #numbers: number[] = [];
  readonly #amounts: number[] = [];
  readonly #ports: PortRanges[] = [];
  readonly #gpuIds: (readonly string[])[] = [];

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  from(number: number): void {
    if (this.#known.has(number)) return;
    const { cpusMilli, memoryMib, diskMib, pods, ports, portRanges, gpuIds } = this.#fleet;
    this.#known.add(number);
    this.#numbers.push(number);
    this.#amounts.push(cpusMilli[number]!, memoryMib[number]!, diskMib[number]!, pods[number]!, ports[number]!);
    this.#ports.push(portRanges[number]!);
    this.#gpuIds.push(gpuIds[number]!);
  }

  giveBack(): void {
    const fleet = this.#fleet;
    for (const [at, number] of this.#numbers.entries()) {
      const from = at * 5;
      fleet.cpusMilli[number] = this.#amounts[from]!;
      fleet.memoryMib[number] = this.#amounts[from + 1]!;
      fleet.diskMib[number] = this.#amounts[from + 2]!;
      fleet.pods[number] = this.#amounts[from + 3]!;
      fleet.putPorts(number, this.#ports[at]!, this.#amounts[from + 4]!);
      fleet.putGpus(number, this.#gpuIds[at]!);
    }
    this.#known.clear();
    for (const list of [this.#numbers, this.#amounts, this.#ports, this.#gpuIds]) list.length = 0;
  }
}

/** One wish on its way through the nodes: takes the best, looks at it again, and so on. */
class Search {
  readonly #fleet: Fleet;
  readonly #taken: Taken;
  readonly #needs: Needs;
  readonly #score: Score;
  readonly #narrowing: readonly Constraint[];
  readonly #balancing: readonly GroupBy[];
  readonly #hasFixedPorts: boolean;
  readonly #picks = new Picks();
  #scores = new Float64Array(0);

  constructor(
    fleet: Fleet,
    taken: Taken,
    { needs, policy }: Wish,
    narrowing: readonly Constraint[],
    balancing: readonly GroupBy[],
  ) {
    this.#fleet = fleet;
    this.#taken = taken;
    this.#needs = needs;
    this.#score = scoreOf[policy];
    this.#narrowing = narrowing;
    this.#balancing = balancing;
    this.#hasFixedPorts = needs.ports.some(({ port }) => port !== 0);
  }

  run(allowed: readonly number[], count: number): Picks {
    if (count === 1) return this.#one(allowed);
    if (count === 0) return this.#picks;
    const lanes = new Lanes(this.#candidates(allowed), this.#fleet.nodes, this.#balancing, (left, right) => {
      const difference = this.#scores[left]! - this.#scores[right]!;
      return difference > 0 || (difference === 0 && left < right);
    });
    while (this.#picks.count < count) {
      const number = lanes.best();
      if (number === undefined) break;
      if (this.#narrowed(number)) {
        lanes.drop();
        continue;
      }
      this.#takeFrom(number, this.#atOnce(number, count - this.#picks.count));
      if (this.#fits(number)) {
        this.#scores[number] = this.#scoreOf(number);
        lanes.changed();
      } else lanes.drop();
    }
    return this.#picks;
  }

  /** The best for a single pod: no order among the others is needed. */
  #one(allowed: readonly number[]): Picks {
    let best: number | undefined;
    let bestScore = Number.NEGATIVE_INFINITY;
    for (const number of allowed) {
      if (!this.#fits(number)) continue;
      const score = this.#scoreOf(number);
      if (best !== undefined && (score < bestScore || (score === bestScore && number > best))) continue;
      if (!this.#passes(number)) continue;
      best = number;
      bestScore = score;
    }
    if (best !== undefined) this.#takeFrom(best, 1);
    return this.#picks;
  }

  #candidates(allowed: readonly number[]): number[] {
    this.#scores = new Float64Array(this.#fleet.nodes.length);
    const candidates: number[] = [];
    for (const number of allowed) {
      if (!this.#fits(number) || this.#narrowed(number)) continue;
      this.#scores[number] = this.#scoreOf(number);
      candidates.push(number);
    }
    return candidates;
  }

  /** Whether one pod fits, all resources at once (the multi-resource fit of Kubernetes' NodeResourcesFit). */
  #fits(number: number): boolean {
    const { cpusMilli, memoryMib, diskMib, gpus, ports } = this.#needs;
    const fleet = this.#fleet;
    if (cpusMilli > fleet.cpusMilli[number]! && cpusMilli !== 0) return false;
    if (memoryMib > fleet.memoryMib[number]! && memoryMib !== 0) return false;
    if (diskMib > fleet.diskMib[number]! && diskMib !== 0) return false;
    if (gpus > fleet.gpus[number]!) return false;
    if (ports.length > fleet.ports[number]!) return false;
    return !this.#hasFixedPorts || portsFit(fleet.portRanges[number]!, ports);
  }

  /** How many such pods fit, up to `countMax`. */
  #fitCount(number: number, countMax: number): number {
    if (this.#hasFixedPorts) return 1;
    const { cpusMilli, memoryMib, diskMib, gpus, ports } = this.#needs;
    const fleet = this.#fleet;
    let count = countMax;
    if (cpusMilli > 0) count = Math.min(count, Math.floor(fleet.cpusMilli[number]! / cpusMilli));
    if (memoryMib > 0) count = Math.min(count, Math.floor(fleet.memoryMib[number]! / memoryMib));
    if (diskMib > 0) count = Math.min(count, Math.floor(fleet.diskMib[number]! / diskMib));
    if (gpus > 0) count = Math.min(count, Math.floor(fleet.gpus[number]! / gpus));
    if (ports.length > 0) count = Math.min(count, Math.floor(fleet.ports[number]! / ports.length));
    return count;
  }

  #atOnce(number: number, wanted: number): number {
    if (!this.#score.fillsUp || this.#narrowing.length > 0 || this.#balancing.length > 0) return 1;
    return this.#fitCount(number, wanted);
  }

  #takeFrom(number: number, count: number): void {
    const needs = this.#needs;
    const fleet = this.#fleet;
    this.#taken.from(number);
    this.#picks.add(number, count);
    fleet.hold(number, needs, count);
    if (needs.ports.length > 0) {
      const left = takePorts(fleet.portRanges[number]!, needs.ports, count, this.#picks.ports);
      fleet.putPorts(number, left, fleet.ports[number]! - needs.ports.length * count);
    }
    if (needs.gpus > 0) this.#takeGpus(number, count);
    const node = fleet.nodes[number]!;
    for (const constraint of this.#narrowing) for (let pod = 0; pod < count; pod += 1) constraint.placed(node);
    for (const constraint of this.#balancing) for (let pod = 0; pod < count; pod += 1) constraint.placed(node);
  }

  #takeGpus(number: number, count: number): void {
    const { gpus } = this.#needs;
    const ids = this.#fleet.gpuIds[number]!;
    for (let pod = 0; pod < count; pod += 1) this.#picks.gpuIds.push(ids.slice(pod * gpus, (pod + 1) * gpus));
    this.#fleet.putGpus(number, ids.slice(count * gpus));
  }

  #narrowed(number: number): boolean {
    for (const constraint of this.#narrowing) if (!constraint.passes(this.#fleet.nodes[number]!)) return true;
    return false;
  }

  #passes(number: number): boolean {
    if (this.#narrowed(number)) return false;
    for (const constraint of this.#balancing) if (!constraint.passes(this.#fleet.nodes[number]!)) return false;
    return true;
  }

  #scoreOf(number: number): number {
    const { cpusMilli, memoryMib } = this.#needs;
    const { cpusMilli: cpus, memoryMib: memory, cpusInAll, memoryInAll } = this.#fleet;
    const cpusLeft = cpus[number]! - cpusMilli;
    return this.#score.of(useAfter(cpusLeft, cpusInAll[number]!, memory[number]! - memoryMib, memoryInAll[number]!));
  }
}
