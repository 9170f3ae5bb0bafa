import type { Amounts } from './amounts.js';
import type { Needs } from './node.js';

/** Filters that ask for room, which others can make: all others no departure changes. */
export const ROOM_FILTERS: ReadonlySet<string> = new Set(['cpus', 'memory', 'disk', 'gpus', 'ports']);

/** Equal pods on one node that may be asked to make way. */
export interface EvictableGroup {
  /** Who loses pods, where somebody bounds how many it may lose at once. */
  readonly owner?: string;
  readonly priority: number;
  readonly revocable: boolean;
  /** What each of them gives back. */
  readonly needs: Needs;
  readonly pods: readonly EvictablePod[];
}

export interface EvictablePod {
  readonly ordinal: number;
  readonly ports: readonly number[];
}

/** What is free on a node, and who may be asked to make way there. */
export interface EvictionNode<Group extends EvictableGroup = EvictableGroup> {
  readonly number: number;
  readonly free: Amounts;
  /** Free port numbers: how many, and which. */
  readonly ports: number;
  readonly hasPort: (port: number) => boolean;
  readonly groups: readonly Group[];
}

export interface EvictionLimits {
  /** Pods in all. */
  readonly kills: number;
  /** Pods that an owner may lose. */
  readonly allowanceOf: (owner: string) => number;
}

/** Pods that make way so that `places` are free: so many pods of the wish on each of these nodes. */
export interface Evictions<Group extends EvictableGroup = EvictableGroup> {
  readonly places: readonly { readonly number: number; readonly pods: number }[];
  readonly pods: number;
  readonly victims: readonly { readonly group: Group; readonly pod: EvictablePod }[];
}

/**
 * Who makes way for up to `wanted` equal pods. Node by node the least that has to go is found, the revocable first, then the
 * lowest priority; of the nodes the best is taken, by: the least important of its most important victims, the fewest victims,
 * the nearest fit, the number. Kubernetes and Nomad put priority before the number of victims, too: that is what it says.
 *
 * Within a node one that is enough by itself goes rather than many that are enough together, and whoever turns out not to be
 * needed stays, the most important first (Kubernetes' "reprieve").
 */
export function planEvictions<Group extends EvictableGroup>(
  needs: Needs,
  wanted: number,
  nodes: readonly EvictionNode<Group>[],
  limits: EvictionLimits,
): Evictions<Group> {
  const fields = nodes.map((node) => new Field(node, needs));
  const taken = new Map<string, number>();
  const left = (owner: string) => limits.allowanceOf(owner) - (taken.get(owner) ?? 0);
  let kills = limits.kills;
  const places = new Map<number, number>();
  const victims: Evictions<Group>['victims'][number][] = [];
  let pods = 0;
  for (; pods < wanted; pods += 1) {
    let best: Field<Group> | undefined;
    for (const field of fields) {
      const option = field.option(left);
      if (option === undefined || option.victims.length > kills) continue;
      if (best === undefined || isBetter(option, best.option(left)!)) best = field;
    }
    if (best === undefined) break;
    const { victims: gone } = best.take(left);
    kills -= gone.length;
    for (const { group } of gone)
      if (group.owner !== undefined) taken.set(group.owner, (taken.get(group.owner) ?? 0) + 1);
    victims.push(...gone);
    places.set(best.node.number, (places.get(best.node.number) ?? 0) + 1);
    if (gone.some(({ group }) => group.owner !== undefined)) for (const field of fields) field.forget();
  }
  return { places: Array.from(places, ([number, count]) => ({ number, pods: count })), pods, victims };
}

interface Option<Group extends EvictableGroup> {
  readonly victims: readonly { readonly group: Group; readonly pod: EvictablePod }[];
  /** Importance of the most important victim. */
  readonly worst: number;
  /** What is free afterwards beyond the need, in units of the need. */
  readonly waste: number;
  readonly number: number;
}

function isBetter<Group extends EvictableGroup>(left: Option<Group>, right: Option<Group>): boolean {
  if (left.worst !== right.worst) return left.worst < right.worst;
  if (left.victims.length !== right.victims.length) return left.victims.length < right.victims.length;
  if (left.waste !== right.waste) return left.waste < right.waste;
  return left.number < right.number;
}

/** The revocable ones matter less than any other. */
function importance({ revocable, priority }: EvictableGroup): number {
  return revocable ? priority - 1000 : priority;
}

/** cpus, memory, disk, gpus, ports: what is short where above zero. */
type Short = readonly [number, number, number, number, number];

/** A node while pods are planned onto it: what is left of it, and the least that has to go for one more. */
class Field<Group extends EvictableGroup> {
  readonly node: EvictionNode<Group>;
  readonly #needs: Needs;
  readonly #needed: Short;
  /** In the order in which they go. */
  readonly #groups: readonly Group[];
  readonly #gone = new Map<Group, Set<EvictablePod>>();
  #free: Short;
  #option: Option<Group> | undefined;
  #isKnown = false;

  constructor(node: EvictionNode<Group>, needs: Needs) {
    const { free } = node;
    this.node = node;
    this.#needs = needs;
    this.#needed = amountsOf(needs);
    this.#free = [free.cpusMilli, free.memoryMib, free.diskMib, free.gpus, node.ports];
    this.#groups = [...node.groups].sort((left, right) => importance(left) - importance(right));
  }

  /** The least that has to go for one more pod. */
  option(left: (owner: string) => number): Option<Group> | undefined {
    if (!this.#isKnown) {
      this.#option = this.#search(left);
      this.#isKnown = true;
    }
    return this.#option;
  }

  /** What owners may lose has changed. */
  forget(): void {
    this.#isKnown = false;
  }

  take(left: (owner: string) => number): Option<Group> {
    const option = this.option(left)!;
    for (const { group, pod } of option.victims) {
      this.#goneOf(group).add(pod);
      this.#free = added(this.#free, amountsOf(group.needs));
    }
    this.#free = added(this.#free, negative(this.#needed));
    this.forget();
    return option;
  }

  #search(left: (owner: string) => number): Option<Group> | undefined {
    const choice = new Choosing<Group>(shortOf(this.#needed, this.#free), left);
    if (!this.#takeHoldersOfPorts(choice)) return undefined;
    for (let from = 0; from < this.#groups.length && !choice.isEnough;) {
      const tier = this.#groups.slice(from).filter((group) => importance(group) === importance(this.#groups[from]!));
      choice.takeFrom(tier, (group) => this.#nextOf(group, choice));
      from += tier.length;
    }
    if (!choice.isEnough) return undefined;
    choice.reprieve();
    const { victims } = choice;
    return {
      victims: victims.map(({ group, pod }) => ({ group, pod })),
      worst: Math.max(Number.NEGATIVE_INFINITY, ...victims.map(({ group }) => importance(group))),
      waste: choice.short.reduce((sum, short, at) => sum - (this.#needed[at]! > 0 ? short / this.#needed[at]! : 0), 0),
      number: this.node.number,
    };
  }

  /** A fixed port comes free only with the pod that holds it. */
  #takeHoldersOfPorts(choice: Choosing<Group>): boolean {
    for (const { port } of this.#needs.ports) {
      if (port === 0 || this.node.hasPort(port)) continue;
      const group = this.#groups.find(({ pods }) => pods.some(({ ports }) => ports.includes(port)));
      const pod = group?.pods.find(({ ports }) => ports.includes(port));
      if (group === undefined || pod === undefined || this.#gone.get(group)?.has(pod) === true) return false;
      if (!choice.has(pod) && !choice.take(group, pod, true)) return false;
    }
    return true;
  }

  #nextOf(group: Group, choice: Choosing<Group>): EvictablePod | undefined {
    const gone = this.#gone.get(group);
    return group.pods.find((pod) => gone?.has(pod) !== true && !choice.has(pod));
  }

  #goneOf(group: Group): Set<EvictablePod> {
    let gone = this.#gone.get(group);
    if (gone === undefined) this.#gone.set(group, (gone = new Set()));
    return gone;
  }
}

/** Victims for one pod in the making. */
class Choosing<Group extends EvictableGroup> {
  short: Short;
  victims: { readonly group: Group; readonly pod: EvictablePod; readonly bound: boolean }[] = [];
  readonly #left: (owner: string) => number;

  constructor(short: Short, left: (owner: string) => number) {
    this.short = short;
    this.#left = left;
  }

  get isEnough(): boolean {
    return this.short.every((amount) => amount <= 0);
  }

  has(pod: EvictablePod): boolean {
    return this.victims.some((victim) => victim.pod === pod);
  }

  /** `bound`: can't be spared, whatever the amounts. */
  take(group: Group, pod: EvictablePod, bound = false): boolean {
    if (!this.#mayTake(group)) return false;
    this.victims.push({ group, pod, bound });
    this.short = added(this.short, negative(amountsOf(group.needs)));
    return true;
  }

  /** Of equally important ones: whoever is just enough alone, else whoever gives most of what is missing. */
  takeFrom(tier: readonly Group[], nextOf: (group: Group) => EvictablePod | undefined): void {
    while (!this.isEnough) {
      let best: Group | undefined;
      let bestValue = 0;
      for (const group of tier) {
        const value = this.#valueOf(group);
        if (value <= bestValue || !this.#mayTake(group) || nextOf(group) === undefined) continue;
        best = group;
        bestValue = value;
      }
      if (best === undefined) return;
      this.take(best, nextOf(best)!);
    }
  }

  /** Whoever turns out not to be needed stays. */
  reprieve(): void {
    for (const victim of this.victims.toSorted((left, right) => importance(right.group) - importance(left.group))) {
      const short = added(this.short, amountsOf(victim.group.needs));
      if (victim.bound || short.some((amount) => amount > 0)) continue;
      this.short = short;
      this.victims = this.victims.filter((other) => other !== victim);
    }
  }

  #mayTake({ owner }: Group): boolean {
    if (owner === undefined) return true;
    return this.victims.filter(({ group }) => group.owner === owner).length < this.#left(owner);
  }

  /** How much of what is missing it gives; beyond 5: all of it, and the nearer the fit the more. */
  #valueOf(group: Group): number {
    const given = amountsOf(group.needs);
    let covered = 0;
    let beyond = 0;
    let missing = 0;
    for (const [at, short] of this.short.entries()) {
      if (short <= 0) continue;
      missing += 1;
      covered += Math.min(1, given[at]! / short);
      beyond += Math.max(0, given[at]! / short - 1);
    }
    return covered === missing ? ENOUGH / (1 + beyond) + ENOUGH : covered;
  }
}

/** More than any group covers that is not enough: one a resource. */
const ENOUGH = 5;

function amountsOf({ cpusMilli, memoryMib, diskMib, gpus, ports }: Needs): Short {
  return [cpusMilli, memoryMib, diskMib, gpus, ports.length];
}

/** What is not asked for is no obstacle even where less than nothing is left. */
function shortOf(needed: Short, free: Short): Short {
  const short = added(needed, negative(free));
  return short.map((amount, at) => (needed[at] === 0 ? Number.NEGATIVE_INFINITY : amount)) as unknown as Short;
}

function added(left: Short, right: Short): Short {
  return [left[0] + right[0], left[1] + right[1], left[2] + right[2], left[3] + right[3], left[4] + right[4]];
}

function negative([cpus, memory, disk, gpus, ports]: Short): Short {
  return [-cpus, -memory, -disk, -gpus, -ports];
}
