import { constraintsOf, NOBODY } from './constraints/constraints.js';
import { isFieldRule, type Rule } from './constraints/constraint.js';
import { fieldOf } from './constraints/field.js';
import { effectOf, fieldsOf, flattened } from './constraints/rules.js';
import type { Filter } from './filters/filter.js';
import type { DiskNeed } from './disk-set.js';
import type { Fleet } from './fleet.js';
import type { Needs, Node } from './node.js';
import { areSpecial } from './ports.js';
import { pack } from './scores/pack.js';
import { likingOf, NO_PREFERENCES, type Preferences, type SpreadOver } from './scores/preference.js';
import { useAfter, type Policy, type Score } from './scores/score.js';
import { spread } from './scores/spread.js';

/** All that decides which nodes suit a pod and which suit it best, but for what its set and its rivals do. */
export interface Kind {
  readonly needs: Needs;
  readonly rules: readonly Rule[];
  readonly policy: Policy;
  /** What it would rather have. */
  readonly preferences?: Preferences;
}

/** Of a node on which the pod does not fit. */
export const NO_FIT = Number.NEGATIVE_INFINITY;

const scoreOf: Readonly<Record<Policy, Score>> = { pack, spread };

/** How well each node suits a kind of pod as the fleet stands. */
export class Suitability {
  readonly score: Score;
  readonly #fleet: Fleet;
  readonly #needs: Needs;
  readonly #cpusMin: number;
  readonly #memoryMin: number;
  readonly #diskMin: number;
  readonly #hasSpecialPorts: boolean;
  readonly #liking: ((node: Node) => number) | undefined;
  /** By number; made anew when nodes change. */
  #liked: Float64Array | undefined;
  #likedAt = -1;
  readonly #disks: readonly DiskNeed[];

  constructor(fleet: Fleet, { needs, policy, preferences }: Kind) {
    this.#fleet = fleet;
    this.#needs = needs;
    this.score = scoreOf[policy];
    // What is not asked for is no obstacle even where less than nothing is left.
    this.#cpusMin = needs.cpusMilli === 0 ? NO_FIT : needs.cpusMilli;
    this.#memoryMin = needs.memoryMib === 0 ? NO_FIT : needs.memoryMib;
    this.#diskMin = needs.diskMib === 0 ? NO_FIT : needs.diskMib;
    this.#hasSpecialPorts = areSpecial(needs.ports);
    const { affinities } = preferences ?? NO_PREFERENCES;
    this.#liking = affinities.length === 0 ? undefined : likingOf(affinities);
    this.#disks = needs.disks ?? [];
  }

  /** The score of a node on which one pod fits, all resources at once (Kubernetes' NodeResourcesFit); else `NO_FIT`. */
  of(number: number): number {
    const fleet = this.#fleet;
    const cpusMilli = fleet.cpusMilli[number]!;
    const memoryMib = fleet.memoryMib[number]!;
    if (cpusMilli < this.#cpusMin || memoryMib < this.#memoryMin || fleet.diskMib[number]! < this.#diskMin)
      return NO_FIT;
    const needs = this.#needs;
    if (fleet.gpus[number]! < needs.gpus || fleet.ports[number]! < needs.ports.length) return NO_FIT;
    if (this.#hasSpecialPorts && !fleet.portSets[number]!.fits(needs.ports)) return NO_FIT;
    if (this.#disks.length > 0 && fleet.diskSets[number]?.fits(this.#disks) !== true) return NO_FIT;
    const score = this.score.of(
      useAfter(
        cpusMilli - needs.cpusMilli,
        fleet.cpusInAll[number]!,
        memoryMib - needs.memoryMib,
        fleet.memoryInAll[number]!,
      ),
    );
    return this.#liking === undefined ? score : score + this.#likedOf(number, this.#liking);
  }

  #likedOf(number: number, liking: (node: Node) => number): number {
    if (this.#liked === undefined || this.#likedAt !== this.#fleet.version) {
      this.#liked = new Float64Array(this.#fleet.nodes.length).fill(Number.NaN);
      this.#likedAt = this.#fleet.version;
    }
    const known = this.#liked[number]!;
    return Number.isNaN(known) ? (this.#liked[number] = liking(this.#fleet.nodes[number]!)) : known;
  }

  /** How many such pods fit on a node where one does, up to `countMax`. */
  count(number: number, countMax: number): number {
    if (this.#hasSpecialPorts || this.#disks.length > 0) return 1;
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
}

/** Open nodes that fixed constraints leave, in groups by the values of fields: facts alone. */
export class Candidates {
  readonly numbers: readonly number[];
  /** By number: the lane of the node, or -1. Nodes with equal values of all fields of balancing rules and spreads share one. */
  readonly laneOf: Int32Array;
  lanes = 0;
  /** Nodes that have, between them, every value of each of those fields. */
  readonly samples: Node[] = [];

  constructor(fleet: Fleet, { rules, preferences }: Kind, among: readonly number[] = fleet.open) {
    const { spreads } = preferences ?? NO_PREFERENCES;
    const fixed = constraintsOf(rules, NOBODY).fixed;
    this.numbers = fixed.length === 0 ? among : among.filter((number) => passesAll(fixed, fleet.nodes[number]!));
    this.laneOf = new Int32Array(fleet.nodes.length).fill(-1);
    const balancing = flattened(rules).filter((rule) => effectOf([rule]) === 'balancing');
    if (balancing.length + spreads.length === 0) {
      for (const number of this.numbers) this.laneOf[number] = 0;
      this.lanes = 1;
    } else this.#group(fleet, balancing, spreads);
  }

  #group(fleet: Fleet, balancing: readonly Rule[], spreads: readonly SpreadOver[]): void {
    const fields = [...new Set([...fieldsOf(balancing), ...spreads.map(({ field }) => field)])];
    // A rule below another one may be passed without.
    const needed = fields.map((field) => balancing.some((rule) => isFieldRule(rule) && rule.field === field));
    const lanes = new Map<string, number>();
    const known = fields.map(() => new Set<string>());
    for (const number of this.numbers) {
      const node = fleet.nodes[number]!;
      const values = fields.map((field) => fieldOf(field, node));
      if (values.some((value, at) => value !== undefined && isNew(known[at]!, value))) this.samples.push(node);
      if (values.some((value, at) => value === undefined && needed[at])) continue;
      const key = JSON.stringify(values);
      const lane = lanes.get(key) ?? lanes.size;
      lanes.set(key, lane);
      this.laneOf[number] = lane;
    }
    this.lanes = lanes.size;
  }
}

function isNew(known: Set<string>, value: string): boolean {
  return !known.has(value) && known.add(value).size > 0;
}

function passesAll(filters: readonly Filter[], node: Node): boolean {
  for (const filter of filters) if (!filter.passes(node)) return false;
  return true;
}

/**
 * The nodes on which a pod of a kind fits, in heaps by lane, the best on top; equal ones by their numbers. A ranking outlives
 * the decision: it hears which nodes changed since and moves those alone, so what it says is what a look at every node would.
 */
export class NodeRanking {
  readonly suitability: Suitability;
  readonly #fleet: Fleet;
  readonly #kind: Kind;
  readonly #among: readonly number[] | undefined;
  #candidates: Candidates;
  #version = -1;
  #seen = 0;
  #heaps: number[][] = [];
  #scores = new Float64Array(0);
  /** By number: where it stands in the heap of its lane; -1: nowhere. */
  #places = new Int32Array(0);

  constructor(fleet: Fleet, kind: Kind, among?: readonly number[]) {
    this.#fleet = fleet;
    this.#kind = kind;
    this.#among = among;
    this.suitability = new Suitability(fleet, kind);
    this.#candidates = new Candidates(fleet, kind, among);
    this.#version = fleet.version;
    this.#rank();
  }

  get candidates(): Candidates {
    return this.#candidates;
  }

  /** Brings it up to date with the fleet; gives how many nodes were looked at. */
  refresh(): number {
    const changes = this.#fleet.countChanges();
    const behind = changes - this.#seen;
    if (this.#version !== this.#fleet.version) {
      this.#candidates = new Candidates(this.#fleet, this.#kind, this.#among);
      this.#version = this.#fleet.version;
      return this.#rank();
    }
    if (behind > this.#candidates.numbers.length / 2 || behind > this.#fleet.changesKept) return this.#rank();
    for (let change = this.#seen; change < changes; change += 1) this.update(this.#fleet.changedAt(change));
    this.#seen = changes;
    return behind;
  }

  /** The best node of a lane. */
  top(lane: number): number | undefined {
    return this.#heaps[lane]![0];
  }

  scoreOf(number: number): number {
    return this.#scores[number]!;
  }

  before(left: number, right: number): boolean {
    const difference = this.#scores[left]! - this.#scores[right]!;
    return difference > 0 || (difference === 0 && left < right);
  }

  /** The node may suit better or worse than before, or not at all. */
  update(number: number): void {
    const lane = this.#candidates.laneOf[number] ?? -1;
    if (lane < 0) return;
    const score = this.suitability.of(number);
    const place = this.#places[number]!;
    if (score === NO_FIT) {
      if (place >= 0) this.remove(number);
      return;
    }
    if (place < 0) {
      this.#scores[number] = score;
      const heap = this.#heaps[lane]!;
      heap.push(number);
      this.#rise(heap, heap.length - 1);
      return;
    }
    const before = this.#scores[number]!;
    if (score === before) return;
    this.#scores[number] = score;
    if (score > before) this.#rise(this.#heaps[lane]!, place);
    else this.#sink(this.#heaps[lane]!, place);
  }

  /** Out of its heap, until it is updated. */
  remove(number: number): void {
    const heap = this.#heaps[this.#candidates.laneOf[number]!]!;
    const place = this.#places[number]!;
    const last = heap.pop()!;
    this.#places[number] = -1;
    if (last === number) return;
    heap[place] = last;
    this.#places[last] = place;
    this.#rise(heap, place);
    this.#sink(heap, this.#places[last]!);
  }

  /** All anew, in linear time (Floyd). */
  #rank(): number {
    const { numbers, lanes, laneOf } = this.#candidates;
    const size = this.#fleet.nodes.length;
    if (this.#places.length < size) {
      this.#places = new Int32Array(size);
      this.#scores = new Float64Array(size);
    }
    this.#places.fill(-1);
    this.#heaps = Array.from({ length: lanes }, () => []);
    for (const number of numbers) {
      const lane = laneOf[number]!;
      const score = lane < 0 ? NO_FIT : this.suitability.of(number);
      if (score === NO_FIT) continue;
      this.#scores[number] = score;
      this.#places[number] = this.#heaps[lane]!.push(number) - 1;
    }
    for (const heap of this.#heaps)
      for (let place = (heap.length >> 1) - 1; place >= 0; place -= 1) this.#sink(heap, place);
    this.#seen = this.#fleet.countChanges();
    return numbers.length;
  }

  #rise(heap: number[], from: number): void {
    const number = heap[from]!;
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const other = heap[parent]!;
      if (!this.before(number, other)) break;
      heap[place] = other;
      this.#places[other] = place;
      place = parent;
    }
    heap[place] = number;
    this.#places[number] = place;
  }

  #sink(heap: number[], from: number): void {
    const number = heap[from]!;
    let place = from;
    for (;;) {
      let child = 2 * place + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && this.before(heap[child + 1]!, heap[child]!)) child += 1;
      const other = heap[child]!;
      if (!this.before(other, number)) break;
      heap[place] = other;
      this.#places[other] = place;
      place = child;
    }
    heap[place] = number;
    this.#places[number] = place;
  }
}

/**
 * NodeRankings of the kinds of pods that come again: a few, of which the one used longest ago makes room. A kind
 * that comes for the first time with a single pod is only noted.
 */
export class NodeRankings {
  readonly #fleet: Fleet;
  readonly #known = new Map<string, NodeRanking | 'once'>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** The ranking of a kind; nothing when it is not worth one. */
  of(kind: Kind, count: number): NodeRanking | undefined {
    const key = keyOf(kind);
    let known = this.#known.get(key);
    if (known !== undefined) this.#known.delete(key);
    if (known === undefined && count === 1) known = 'once';
    else if (known === undefined || known === 'once') known = new NodeRanking(this.#fleet, kind);
    this.#known.set(key, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= RANKINGS_MAX) break;
      this.#known.delete(oldest);
    }
    return known === 'once' ? undefined : known;
  }

  clear(): void {
    this.#known.clear();
  }
}

/** Some 20 bytes a node each: 3 MB at 5,000 nodes. */
const RANKINGS_MAX = 32;

function keyOf({ needs, rules, policy, preferences }: Kind): string {
  const { cpusMilli, memoryMib, diskMib, gpus, ports, disks } = needs;
  let key = `${policy} ${cpusMilli} ${memoryMib} ${diskMib} ${gpus} ${ports.length}`;
  if (areSpecial(ports)) for (const { port, ranges, next } of ports) key += JSON.stringify([port, ranges, next]);
  if (disks !== undefined && disks.length > 0) key += JSON.stringify(disks);
  for (const rule of flattened(rules)) {
    const effect = effectOf([rule]);
    if (effect === 'fixed' || effect === 'balancing') key += JSON.stringify(rule);
  }
  if (preferences !== undefined) key += JSON.stringify(preferences);
  return key;
}
