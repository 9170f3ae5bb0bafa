import type { PlacementRequest } from '@orrery/contracts';
import { effectOf, type Neighbour, type NeighbourNodes, type Node, type Peer, type Picks } from '@orrery/scheduling';
import { setKey } from './keys.js';
import { allPositions, chargedIn, eachRun, type LotRow } from './lots.js';
import { avoidedBy, isMeant, type KnownNeighbour } from './neighbours.js';
import { common, positionsOf } from './ranges.js';
import type { AllocationState } from './state.js';

/** Where the pods of a set run, and those that its rules speak of: by the state, and by what the round has placed since. */
export class SetPeers {
  readonly #state: AllocationState;
  /** By the state, of the sets that were asked for: number of an agent → pods. */
  readonly #counts = new Map<string, ReadonlyMap<number, number>>();
  /** By the round. */
  readonly #added = new Map<string, { total: number; readonly counts: Map<number, number> }>();
  /** What the round has placed, by the service, and those of it that avoid pods of a service, by that. */
  readonly #granted = new Map<string, [PlacementRequest, Picks][]>();
  readonly #avoiding = new Map<string, PlacementRequest[]>();
  #total = 0;

  constructor(state: AllocationState) {
    this.#state = state;
  }

  /** As the request sees it: superseded grants and those that it replaces do not count. */
  of(row: PlacementRequest): Peer[] {
    const counts = new Map(this.#countsOf(row));
    for (const [agent, count] of this.#added.get(setKey(row))?.counts ?? []) add(counts, agent, count);
    for (const { grant } of row.replaces) {
      const part = this.#state.lots.find(grant);
      if (part === undefined) continue;
      eachRun(part.lot, positionsOf(part.lot.ordinals, common(chargedIn(part.lot), part.ordinals)), (agent) =>
        add(counts, agent, -1),
      );
    }
    const peers: Peer[] = [];
    for (const [agent, count] of counts) {
      const node = this.#state.agents.fleet.nodes[agent];
      if (node !== undefined && count > 0) peers.push({ node, count });
    }
    return peers;
  }

  /** Those who avoid the pods of a request: it has to stay away from them. */
  avoiders(row: PlacementRequest): readonly Neighbour[] {
    if (this.#state.lots.countBy('avoids', row.service) === 0 && !this.#avoiding.has(row.service)) return NOBODY;
    const known = new Map<string, Neighbour>();
    const add = (by: Pick<PlacementRequest, 'service' | 'pod'>, avoids: readonly KnownNeighbour[]) => {
      for (const of of avoids)
        if (isMeant(of, row, by)) {
          const avoider = { service: by.service, pod: by.pod, ...(of.field === undefined ? {} : { field: of.field }) };
          known.set(JSON.stringify(avoider), { ...avoider, mutual: true });
        }
    };
    for (const [, lot] of this.#state.lots.by('avoids', row.service)) add(lot, lot.avoids!);
    for (const other of this.#avoiding.get(row.service) ?? []) add(other, avoidedBy(other));
    return [...known.values()];
  }

  /** Where the neighbours of a request are. */
  neighboursOf(row: PlacementRequest): NeighbourNodes {
    return ({ service = row.service, pod, field }, by) => {
      const of = { service, ...(pod === undefined ? {} : { pod }), ...(field === undefined ? {} : { field }) };
      const agents = new Set<number>();
      const prefix = `${service}/`;
      for (const set of this.#state.lots.valuesOf('set', prefix)) {
        if (!set.startsWith(prefix)) break;
        for (const [, lot] of this.#state.lots.by('set', set)) {
          if (!isMeant(of, lot, row)) break;
          const positions = by === 'avoid' ? allPositions(lot) : positionsOf(lot.ordinals, chargedIn(lot));
          eachRun(lot, positions, (agent) => agents.add(agent));
        }
      }
      for (const [other, { numbers }] of this.#granted.get(service) ?? [])
        if (isMeant(of, other, row)) for (const number of numbers) agents.add(number);
      const nodes: Node[] = [];
      for (const agent of agents) {
        const node = this.#state.agents.fleet.nodes[agent];
        if (node !== undefined) nodes.push(node);
      }
      return nodes;
    };
  }

  /** A request got its first places of the round; `picks` grow with each further one. */
  granted(row: PlacementRequest, picks: Picks): void {
    push(this.#granted, row.service, [row, picks]);
    for (const { service } of avoidedBy(row)) push(this.#avoiding, service, row);
  }

  /** It has places that are only tried. */
  tried(row: PlacementRequest, picks: Picks): void {
    this.granted(row, picks);
    if (looksAtItself(row)) this.placed(row, picks);
  }

  /** The last one that got places has none: they were only tried. */
  takenBack(row: PlacementRequest, picks: Picks): void {
    this.#granted.get(row.service)?.pop();
    for (const { service } of avoidedBy(row)) this.#avoiding.get(service)?.pop();
    const added = looksAtItself(row) ? this.#added.get(setKey(row)) : undefined;
    if (added === undefined) return;
    added.total -= picks.count;
    for (const [at, agent] of picks.numbers.entries()) add(added.counts, agent, -picks.counts[at]!);
  }

  /** Pods that the round has placed so far. */
  get total(): number {
    return this.#total;
  }

  counted(picks: Picks): void {
    this.#total += picks.count;
  }

  placed(row: PlacementRequest, picks: Picks): void {
    const key = setKey(row);
    let added = this.#added.get(key);
    if (added === undefined) this.#added.set(key, (added = { total: 0, counts: new Map() }));
    added.total += picks.count;
    for (const [at, agent] of picks.numbers.entries()) add(added.counts, agent, picks.counts[at]!);
  }

  /** How many pods of the set the round has placed so far. */
  placedOf(row: PlacementRequest): number {
    return this.#added.get(setKey(row))?.total ?? 0;
  }

  #countsOf(row: PlacementRequest): ReadonlyMap<number, number> {
    const key = setKey(row);
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const counts = new Map<number, number>();
    for (const [, lot] of this.#state.lots.by('set', key)) countCharged(lot, counts);
    this.#counts.set(key, counts);
    return counts;
  }
}

const NOBODY: readonly never[] = Object.freeze([]);

function push<Value>(lists: Map<string, Value[]>, key: string, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function countCharged(lot: LotRow, counts: Map<number, number>): void {
  // No pod more: it is what one of them has beside its grant.
  if (lot.resizes !== undefined) return;
  eachRun(lot, positionsOf(lot.ordinals, chargedIn(lot)), (agent, first, last) => add(counts, agent, last - first + 1));
}

function add(counts: Map<number, number>, agent: number, count: number): void {
  counts.set(agent, (counts.get(agent) ?? 0) + count);
}

/** Pods that a set has and those that wait. */
export function sizeOfSet(peers: readonly Peer[], waiting: number): number {
  return peers.reduce((sum, { count }) => sum + count, waiting);
}

/** Whether where its own pods are decides about a place. */
export function looksAtItself({ constraints, preferences }: PlacementRequest): boolean {
  if (preferences !== undefined && preferences.spreads.length > 0) return true;
  const effect = effectOf(constraints);
  return effect === 'narrowing' || effect === 'balancing';
}
