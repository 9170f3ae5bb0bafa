import type { RequestId, VolumeNeed } from '@orrery/contracts';
import { minus, NOTHING, plus, times, type Amounts } from '@orrery/scheduling';
import { eachRun } from './lots.js';
import { positionsOf } from './ranges.js';
import { RESOURCES } from './role-tree.js';
import { needsOf, type AllocationState } from './state.js';

/**
 * Room that is kept for requests for which others make way, as Kubernetes nominates a node: withheld from the fleet as far as
 * it is free already, and lent to the request when its pods look for places. What the victims still hold is not free for
 * anybody, so it need not be withheld.
 */
export class RoundNominations {
  readonly #state: AllocationState;
  /** By agent: what each request may still have there. */
  readonly #places = new Map<number, Map<RequestId, Nominated>>();
  readonly #agents = new Map<RequestId, number[]>();
  /** By agent: what is to come back. */
  readonly #awaited: ReadonlyMap<number, Amounts>;
  readonly #kept = new Map<number, Amounts>();
  #borrowers: readonly RequestId[] = [];

  constructor(state: AllocationState) {
    this.#state = state;
    this.#awaited = state.preemptions.size === 0 ? new Map() : awaitedByAgent(state);
    for (const { for: by, places } of state.preemptions.values()) {
      const request = state.requests.get(by.request);
      if (request !== undefined)
        for (const [agent, pods] of places)
          this.#nominate(by.request, agent, pods, needsOf(request.needs, onAgentsDisk));
    }
    for (const agent of this.#places.keys()) this.#settle(agent);
  }

  get any(): boolean {
    return this.#places.size > 0;
  }

  /** All that is withheld now. */
  get kept(): Amounts {
    return sum(this.#kept.values());
  }

  /** Pods of the request for which room is kept. */
  podsOf(request: RequestId): number {
    return this.agentsOf(request).reduce((pods, agent) => pods + this.#places.get(agent)!.get(request)!.pods, 0);
  }

  /** Where room is kept for the request. */
  agentsOf(request: RequestId): readonly number[] {
    return this.#agents.get(request) ?? [];
  }

  /** From now on the requests find free what is kept for them. */
  lend(requests: readonly RequestId[]): void {
    this.#borrowers = requests;
    for (const request of requests) for (const agent of this.agentsOf(request)) this.#settle(agent);
  }

  /** So many of its pods were placed there. */
  took(request: RequestId, agent: number, count: number): void {
    const nominated = this.#places.get(agent)?.get(request);
    if (nominated !== undefined) nominated.pods = Math.max(0, nominated.pods - count);
  }

  settle(): void {
    const requests = this.#borrowers;
    this.#borrowers = [];
    for (const request of requests) for (const agent of this.agentsOf(request)) this.#settle(agent);
  }

  /** The fleet is as it was before. */
  close(): void {
    for (const [agent, amounts] of this.#kept) this.#state.agents.fleet.keep(agent, minus(NOTHING, amounts));
    this.#kept.clear();
  }

  #nominate(request: RequestId, agent: number, pods: number, needs: Amounts): void {
    const here = this.#places.get(agent) ?? new Map<RequestId, Nominated>();
    const known = here.get(request);
    if (known === undefined) {
      here.set(request, { pods, needs });
      this.#agents.set(request, [...this.agentsOf(request), agent]);
    } else known.pods += pods;
    this.#places.set(agent, here);
  }

  /** Withholds what has to be: for all but the borrower, less what is still to come back. */
  #settle(agent: number): void {
    let wanted = NOTHING;
    for (const [request, { pods, needs }] of this.#places.get(agent)!)
      if (!this.#borrowers.includes(request)) wanted = plus(wanted, times(needs, pods));
    const keep = atLeastNothing(minus(wanted, this.#awaited.get(agent) ?? NOTHING));
    const change = minus(keep, this.#kept.get(agent) ?? NOTHING);
    if (RESOURCES.some((resource) => change[resource] !== 0)) this.#state.agents.fleet.keep(agent, change);
    this.#kept.set(agent, keep);
  }
}

/** Disks of their own are not withheld. */
function onAgentsDisk({ type, shared }: VolumeNeed): boolean {
  return type === 'ROOT' && shared !== true;
}

interface Nominated {
  pods: number;
  readonly needs: Amounts;
}

function awaitedByAgent(state: AllocationState): Map<number, Amounts> {
  const found = new Map<number, Amounts>();
  for (const { victims } of state.preemptions.values())
    for (const { lot, ordinals } of state.lots.live(victims))
      eachRun(lot, positionsOf(lot.ordinals, ordinals), (agent, first, last) =>
        found.set(agent, plus(found.get(agent) ?? NOTHING, times(lot.needs, last - first + 1))),
      );
  return found;
}

function atLeastNothing({ cpusMilli, memoryMib, diskMib, gpus }: Amounts): Amounts {
  return {
    cpusMilli: Math.max(0, cpusMilli),
    memoryMib: Math.max(0, memoryMib),
    diskMib: Math.max(0, diskMib),
    gpus: Math.max(0, gpus),
  };
}

function sum(all: Iterable<Amounts>): Amounts {
  let total = NOTHING;
  for (const amounts of all) total = plus(total, amounts);
  return total;
}
