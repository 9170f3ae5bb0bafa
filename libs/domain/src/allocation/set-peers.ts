import type { PlacementRequest } from '@orrery/contracts';
import type { Peer, Picks } from '@orrery/scheduling';
import { setKey } from './keys.js';
import { chargedIn, eachRun, type LotRow } from './lots.js';
import { common, positionsOf } from './ranges.js';
import type { AllocationState } from './state.js';

/** Where the pods of a set run: by the state, and by what the round has placed since. Superseded grants no longer count. */
export class SetPeers {
  readonly #state: AllocationState;
  /** By the state, of the sets that were asked for: number of an agent → pods. */
  readonly #counts = new Map<string, ReadonlyMap<number, number>>();
  /** By the round. */
  readonly #added = new Map<string, { total: number; readonly counts: Map<number, number> }>();

  constructor(state: AllocationState) {
    this.#state = state;
  }

  /** As the request sees it: the grants that it replaces do not count. */
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

function countCharged(lot: LotRow, counts: Map<number, number>): void {
  eachRun(lot, positionsOf(lot.ordinals, chargedIn(lot)), (agent, first, last) => add(counts, agent, last - first + 1));
}

function add(counts: Map<number, number>, agent: number, count: number): void {
  counts.set(agent, (counts.get(agent) ?? 0) + count);
}
