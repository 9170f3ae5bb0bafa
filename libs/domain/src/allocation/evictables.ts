import { countIn, numbersIn, priorityOf, seqOf, type GrantId, type IdRuns, type Ranges } from '@orrery/contracts';
import {
  planEvictions,
  ROOM_FILTERS,
  type EvictableGroup,
  type EvictionNode,
  type Evictions,
  type Filter,
  type FleetNode,
} from '@orrery/scheduling';
import { placeNeedsOf, type AdoptingRow } from './adoption.js';
import { rankKey, rankPrefix } from './keys.js';
import { countOf, portsAt, positionsOn, type LotRow } from './lots.js';
import { awaited } from './preemptions.js';
import { numbersAt, positionsOf, without } from './ranges.js';
import { mayPreempt } from './rights.js';
import { pathsOf } from './role-tree.js';
import { needsOf, type AllocationState, type RequestRow } from './state.js';

/** Agents on which somebody could make way that one plan looks at, the nearest to having room first. */
const AGENTS_MAX = 64;
/** Lots that the plans of one decision look at: some 20 ms on a slow core. */
const LOTS_MAX = 20_000;
/** Of one lot on one agent. */
const PODS_MAX = 64;
/** A service loses at most one pod of so many at once, and may always lose one. */
const SHARE_PARTS = 10;

/** Places of one lot on one agent. */
export interface LotGroup extends EvictableGroup {
  readonly key: GrantId;
  readonly lot: LotRow;
}

/** Who may be asked to make way as the state and a round stand; what the round orders is told to it. */
export class Evictables {
  readonly #state: AllocationState;
  readonly #awaited: ReadonlyMap<number, Ranges>;
  readonly #pods = new Map<string, number>();
  #leaving: Map<string, number> | undefined;
  readonly #taken = new Set<number>();
  readonly #tried = new Map<GrantId, Set<number>>();
  #ranks: readonly (readonly [string, LotRow])[] | undefined;
  #least: readonly (LotRow | undefined)[] | undefined;
  #looked = 0;

  /** `givenUp`: by the round, so that they come back anyway. */
  constructor(state: AllocationState, givenUp: IdRuns = []) {
    this.#state = state;
    this.#awaited = awaited(state, givenUp);
  }

  /** Has looked at as much as one decision may. */
  get isSpent(): boolean {
    return this.#looked >= LOTS_MAX;
  }

  /** Whether anybody at all may be asked: cheap, however many places there are. */
  isAny(row: AdoptingRow): boolean {
    const least = (this.#least ??= [this.#leastImportant(false), this.#leastImportant(true)]);
    if (!least.some((lot) => lot !== undefined && mayPreempt(row, { ...lot, role: row.role }))) return false;
    return this.#ranked().some(([, lot]) => mayPreempt(row, lot));
  }

  /** Where even this one does not yield to its own role, nobody does. */
  #leastImportant(revocable: boolean): LotRow | undefined {
    const { lots } = this.#state;
    const prefix = rankPrefix(revocable);
    const rank = lots.firstOf('rank', prefix);
    return rank?.startsWith(prefix) === true ? lots.firstBy('rank', rank) : undefined;
  }

  /** Nobody else plans with these agents in this round. */
  ordered({ victims, places }: Evictions<LotGroup>): void {
    this.taken(places.map(({ number }) => number));
    this.tried(victims);
  }

  /** From now on they count as gone, until it is said that they stay. */
  tried(victims: Evictions<LotGroup>['victims'], gone = true): void {
    const leaving = this.#leavingPods();
    for (const { group, pod } of victims) {
      const tried = this.#tried.get(group.key) ?? new Set<number>();
      this.#tried.set(group.key, tried);
      if (gone) tried.add(pod.ordinal);
      else tried.delete(pod.ordinal);
      const owner = ownerOf(group.lot);
      leaving.set(owner, (leaving.get(owner) ?? 0) + (gone ? 1 : -1));
    }
  }

  /** Nobody else plans with these agents in this round. */
  taken(numbers: Iterable<number>): void {
    for (const number of numbers) this.#taken.add(number);
  }

  /** Pods that a service may still lose now: a tenth of what it has, at least one, less those that make way already. */
  allowanceOf(owner: string): number {
    let pods = this.#pods.get(owner);
    if (pods === undefined) {
      pods = 0;
      for (const set of this.#state.lots.valuesOf('set', `${owner}/`)) {
        if (!set.startsWith(`${owner}/`)) break;
        for (const [, lot] of this.#state.lots.by('set', set)) pods += countOf(lot);
      }
      this.#pods.set(owner, pods);
    }
    return Math.max(1, Math.floor(pods / SHARE_PARTS)) - (this.#leavingPods().get(owner) ?? 0);
  }

  /** Agents that nothing but room rules out, and whoever could make way there. */
  nodesFor(row: AdoptingRow, filters: readonly Filter[]): EvictionNode<LotGroup>[] {
    const ranks = this.#ranksFor(row);
    const rules = filters.filter(({ name }) => !ROOM_FILTERS.has(name));
    const { fleet } = this.#state.agents;
    const nodes: EvictionNode<LotGroup>[] = [];
    for (const node of this.#nearest(row, rules)) {
      if (nodes.length >= AGENTS_MAX || this.isSpent) break;
      const { number } = node;
      const keys = this.#state.lots.on(number);
      this.#looked += keys.length + 1;
      const groups = keys.flatMap((key) => this.#groupOf(row, key, number, ranks) ?? []);
      if (groups.length === 0) continue;
      nodes.push({
        number,
        free: {
          cpusMilli: fleet.cpusMilli[number]!,
          memoryMib: fleet.memoryMib[number]!,
          diskMib: fleet.diskMib[number]!,
          gpus: fleet.gpus[number]!,
        },
        ports: fleet.ports[number]!,
        hasPort: (port) => fleet.portSets[number]!.fits([{ name: '', port }]),
        groups,
      });
    }
    return nodes;
  }

  plan(row: AdoptingRow, pods: number, nodes: readonly EvictionNode<LotGroup>[], kills: number): Evictions<LotGroup> {
    return planEvictions(placeNeedsOf(row), pods, nodes, {
      kills,
      allowanceOf: (owner) => this.allowanceOf(owner),
    });
  }

  /** Whatever services may lose. */
  planAnyway(row: AdoptingRow, nodes: readonly EvictionNode<LotGroup>[]): Evictions<LotGroup> {
    const allowanceOf = () => Number.POSITIVE_INFINITY;
    return planEvictions(placeNeedsOf(row), 1, nodes, { kills: Number.POSITIVE_INFINITY, allowanceOf });
  }

  #ranksFor(row: AdoptingRow): Set<string> {
    return new Set(this.#ranked().flatMap(([rank, lot]) => (mayPreempt(row, lot) ? [rank] : [])));
  }

  /** One lot of each rank stands for all of it. */
  #ranked(): readonly (readonly [string, LotRow])[] {
    const { lots } = this.#state;
    return (this.#ranks ??= Array.from(lots.valuesOf('rank'), (rank) => [rank, lots.firstBy('rank', rank)!] as const));
  }

  #nearest(row: AdoptingRow, rules: readonly Filter[]): FleetNode[] {
    const { fleet } = this.#state.agents;
    const needs = placeNeedsOf(row);
    const short = (needed: number, free: number) => (needed === 0 ? 0 : Math.max(0, needed - free) / needed);
    const found: { readonly node: FleetNode; readonly missing: number }[] = [];
    for (const number of fleet.open) {
      const node = fleet.nodes[number]!;
      const { capacity } = node;
      if (this.#taken.has(number) || capacity.cpusMilli < needs.cpusMilli || capacity.memoryMib < needs.memoryMib)
        continue;
      if (!rules.every((rule) => rule.passes(node))) continue;
      const missing =
        short(needs.cpusMilli, fleet.cpusMilli[number]!) +
        short(needs.memoryMib, fleet.memoryMib[number]!) +
        short(needs.diskMib, fleet.diskMib[number]!) +
        short(needs.gpus, fleet.gpus[number]!);
      found.push({ node, missing });
    }
    return found
      .sort((left, right) => left.missing - right.missing || left.node.number - right.node.number)
      .map(({ node }) => node);
  }

  #groupOf(row: AdoptingRow, key: GrantId, agent: number, ranks: ReadonlySet<string>): LotGroup | undefined {
    const lot = this.#state.lots.get(key)!;
    // A volume that its pod leaves behind would be data lost for a little room.
    if (
      !ranks.has(rankKey(lot)) ||
      lot.needs.volumes.length > 0 ||
      lot.resizes !== undefined ||
      !this.#freesFor(row, lot, agent)
    )
      return undefined;
    const here = numbersAt(lot.ordinals, positionsOn(lot, agent));
    const left = without(without(here, lot.superseded ?? []), this.#awaited.get(seqOf(key)) ?? []);
    const pods: LotGroup['pods'][number][] = [];
    for (const ordinal of numbersIn(left)) {
      if (pods.length >= PODS_MAX) break;
      if (this.#tried.get(key)?.has(ordinal) === true) continue;
      pods.push({ ordinal, ports: portsOf(lot, ordinal) });
    }
    if (pods.length === 0) return undefined;
    const owner = lot.revocable === true ? {} : { owner: ownerOf(lot) };
    const { revocable = false } = lot;
    return { key, lot, ...owner, priority: priorityOf(lot), revocable, needs: needsOf(lot.needs), pods };
  }

  /** What a pod holds of a reservation falls back to it, so that it is no room for others. */
  #freesFor({ role }: RequestRow, lot: LotRow, agent: number): boolean {
    const [own, asking] = [pathsOf(lot.role), pathsOf(role)];
    for (const [, reserved] of this.#state.reservations.by('agent', String(agent)))
      if (own.includes(reserved.role) && !asking.includes(reserved.role)) return false;
    return true;
  }

  /** Pods of each service that make way already; those on call are not counted. */
  #leavingPods(): Map<string, number> {
    if (this.#leaving !== undefined) return this.#leaving;
    this.#leaving = new Map();
    for (const { victims } of this.#state.preemptions.values())
      for (const { lot, ordinals } of this.#state.lots.live(victims)) {
        const owner = ownerOf(lot);
        const count = countIn(ordinals);
        this.#leaving.set(owner, (this.#leaving.get(owner) ?? 0) + count);
      }
    return this.#leaving;
  }
}

function ownerOf({ service, generation }: LotRow): string {
  return `${service}/${generation}`;
}

function portsOf(lot: LotRow, ordinal: number): number[] {
  if (lot.ports === undefined) return [];
  const [[position]] = positionsOf(lot.ordinals, [[ordinal, ordinal]]) as [[number, number]];
  return portsAt(lot, position, position);
}
