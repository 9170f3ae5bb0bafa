import type { AgentId, PlacementRequest } from '@orrery/contracts';
import type { Peer } from '@orrery/scheduling';
import { setKey, type AllocationState } from './state.js';

/** Where the pods of a set run: by the state, and by what the round has placed since. Superseded grants no longer count. */
export class SetPeers {
  readonly #state: AllocationState;
  /** By the state, of the sets that were asked for. */
  readonly #counts = new Map<string, ReadonlyMap<AgentId, number>>();
  /** By the round. */
  readonly #added = new Map<string, { total: number; readonly counts: Map<AgentId, number> }>();

  constructor(state: AllocationState) {
    this.#state = state;
  }

  /** As the request sees it: the grants that it replaces do not count. */
  of(row: PlacementRequest): Peer[] {
    const counts = new Map(this.#countsOf(row));
    for (const [agent, count] of this.#added.get(setKey(row))?.counts ?? [])
      counts.set(agent, (counts.get(agent) ?? 0) + count);
    for (const { grant: id } of row.replaces) {
      const grant = this.#state.grants.get(id);
      if (grant === undefined || grant.superseded === true) continue;
      counts.set(grant.agent, (counts.get(grant.agent) ?? 0) - 1);
    }
    const peers: Peer[] = [];
    for (const [agent, count] of counts) {
      const node = this.#state.agents.get(agent);
      if (node !== undefined && count > 0) peers.push({ node, count });
    }
    return peers;
  }

  placed(row: PlacementRequest, agents: Iterable<AgentId>): void {
    const key = setKey(row);
    let added = this.#added.get(key);
    if (added === undefined) this.#added.set(key, (added = { total: 0, counts: new Map() }));
    for (const agent of agents) {
      added.total += 1;
      added.counts.set(agent, (added.counts.get(agent) ?? 0) + 1);
    }
  }

  /** How many pods of the set the round has placed so far. */
  placedOf(row: PlacementRequest): number {
    return this.#added.get(setKey(row))?.total ?? 0;
  }

  #countsOf(row: PlacementRequest): ReadonlyMap<AgentId, number> {
    const key = setKey(row);
    const known = this.#counts.get(key);
    if (known !== undefined) return known;
    const counts = new Map<AgentId, number>();
    for (const lot of this.#state.lots.keysBy('set', key))
      for (const [, grant] of this.#state.grants.by('lot', lot))
        if (grant.superseded !== true) counts.set(grant.agent, (counts.get(grant.agent) ?? 0) + 1);
    this.#counts.set(key, counts);
    return counts;
  }
}
