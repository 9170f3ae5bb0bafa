import {
  countIn,
  idsIn,
  membersIn,
  type AllocationEvent,
  type AllocationEventOf,
  type GrantId,
} from '@orrery/contracts';

type Placed = AllocationEventOf<'Placed'>['data'];

interface Order {
  readonly request: string;
  places: readonly (readonly [agent: number, pods: number])[];
}

/**
 * Room that comes free for somebody, by processors alone: on each agent what is not held, and what those who still have to make
 * way hold, has to be enough for all for whom room is kept there, whoever else is placed.
 */
export class KeptRoom {
  readonly #free = new Map<number, number>();
  readonly #held = new Map<GrantId, { readonly agent: number; readonly cpusMilli: number }>();
  readonly #capacity = new Map<number, number>();
  readonly #needs = new Map<string, number>();
  readonly #left = new Map<string, number>();
  readonly #orders = new Map<string, Order>();
  readonly #awaited = new Set<GrantId>();

  *hear(event: AllocationEvent): Iterable<string> {
    switch (event.type) {
      case 'AgentOpened': {
        const { number, capacity } = event.data;
        const grown = capacity.cpusMilli - (this.#capacity.get(number) ?? 0);
        this.#capacity.set(number, capacity.cpusMilli);
        return void this.#free.set(number, (this.#free.get(number) ?? 0) + grown);
      }
      case 'RequestQueued':
        this.#needs.set(event.data.request, event.data.needs.cpusMilli);
        return void this.#left.set(event.data.request, countIn(event.data.indexes));
      case 'RequestDropped':
        return this.#fewer(event.data.request, countIn(event.data.indexes), new Map());
      case 'Placed':
        return yield* this.#placed(event.data);
      case 'GrantReleased':
        for (const grant of idsIn<GrantId>(event.data.grants)) this.#released(grant);
        return;
      case 'PreemptionOrdered':
        return yield* this.#ordered(event.data);
      case 'PreemptionLapsed':
        for (const id of event.data.preemptions) this.#orders.delete(id);
        return;
      default:
    }
  }

  /** Nobody is placed there any more: nothing is kept, of a gang nowhere. */
  lost(agent: number, togetherWith: (request: string) => readonly string[]): void {
    const requests = [...this.#orders.values()].flatMap(({ request, places }) =>
      places.some(([number]) => number === agent) ? [request, ...togetherWith(request)] : [],
    );
    for (const order of this.#orders.values()) {
      const isGang = togetherWith(order.request).length > 0;
      if (isGang && requests.includes(order.request)) order.places = [];
      else order.places = order.places.filter(([number]) => number !== agent);
    }
  }

  *#placed(data: Placed): Iterable<string> {
    const grants = idsIn<GrantId>(data.grants);
    const taken = new Map<number, number>();
    for (const { agent } of membersIn(data)) {
      taken.set(agent, (taken.get(agent) ?? 0) + 1);
      const { cpusMilli } = data.needs;
      this.#held.set(grants.next().value as GrantId, { agent, cpusMilli });
      this.#free.set(agent, (this.#free.get(agent) ?? 0) - cpusMilli);
    }
    for (const agent of taken.keys()) {
      const short = this.#keptOn(agent, data.request) - (this.#free.get(agent) ?? 0) - this.#awaitedOn(agent);
      if (short > 0)
        yield `${data.service} ${data.pod} takes ${short} of a thousand of room kept for others on ${agent}`;
    }
    this.#fewer(data.request, countIn(data.indexes), taken);
  }

  *#ordered({ preemption, for: { request }, places, victims }: AllocationEventOf<'PreemptionOrdered'>['data']) {
    this.#orders.set(preemption, { request, places });
    for (const { grants } of victims) for (const grant of idsIn<GrantId>(grants)) this.#awaited.add(grant);
    const kept = this.#podsFor(request);
    const left = this.#left.get(request) ?? 0;
    if (kept > left) yield `room is made for ${kept} pods of ${request}, of which ${left} wait: it was asked for again`;
  }

  #podsFor(request: string): number {
    let pods = 0;
    for (const order of this.#orders.values())
      if (order.request === request) for (const [, count] of order.places) pods += count;
    return pods;
  }

  #keptOn(agent: number, besides: string): number {
    let kept = 0;
    for (const { request, places } of this.#orders.values())
      if (request !== besides)
        for (const [number, pods] of places) if (number === agent) kept += pods * (this.#needs.get(request) ?? 0);
    return kept;
  }

  #awaitedOn(agent: number): number {
    let awaited = 0;
    for (const grant of this.#awaited) {
      const held = this.#held.get(grant);
      if (held?.agent === agent) awaited += held.cpusMilli;
    }
    return awaited;
  }

  /** Fewer pods of a request wait; those that got places had some of what was kept. */
  #fewer(request: string, count: number, taken: Map<number, number>): void {
    let wanted = (this.#left.get(request) ?? 0) - count;
    this.#left.set(request, wanted);
    for (const order of this.#orders.values()) {
      if (order.request !== request) continue;
      const places: [number, number][] = [];
      for (const [agent, pods] of order.places) {
        const here = Math.min(pods, taken.get(agent) ?? 0);
        taken.set(agent, (taken.get(agent) ?? 0) - here);
        const still = Math.min(pods - here, wanted);
        wanted -= still;
        if (still > 0) places.push([agent, still]);
      }
      order.places = places;
    }
  }

  #released(grant: GrantId): void {
    const held = this.#held.get(grant);
    if (held === undefined) return;
    this.#held.delete(grant);
    this.#awaited.delete(grant);
    this.#free.set(held.agent, (this.#free.get(held.agent) ?? 0) + held.cpusMilli);
  }
}
