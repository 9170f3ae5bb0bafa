import type { DecisionContext, EpochMs } from '@orrery/kernel';
import {
  countIn,
  idOf,
  idRunsOf,
  ordinalOf,
  priorityOf,
  rankedAs,
  seqOf,
  type AllocationEvent,
  type AllocationEventOf,
  type GrantId,
  type IdRuns,
  type Preemptor,
  type Ranges,
  type RequestId,
  type Victims,
} from '@orrery/contracts';
import type { Evictions, Filter } from '@orrery/scheduling';
import { Evictables, type LotGroup } from './evictables.js';
import { planForGang, type WaitingGang } from './gang-evictions.js';
import type { RoundNominations } from './nominations.js';
import { budgetLeft, budgetOf, budgetRefill, BUDGET_WINDOW_MS, NOMINATION_MS, NOTICE_MS } from './preemptions.js';
import { rightOf } from './rights.js';
import type { AllocationState, RequestRow } from './state.js';
import { TrialRoom } from './trial-room.js';

/** Pods that one order asks to make way: what the service-manager can end in one decision. */
const VICTIMS_MAX = 256;
/** Requests that one decision plans for; the others follow. */
const PLANS_MAX = 16;
/** Until more than one decision can order goes on. */
const SOON_MS = 100;

/** A request that found no room in a round, and what of it still waits. */
export interface Waiting {
  readonly row: RequestRow;
  readonly left: Ranges;
  /** Sees the fleet as its role does, with the filters that found no place. */
  readonly look: <Value>(see: (filters: readonly Filter[]) => Value) => Value;
  /** Nothing that is placed elsewhere decides about a place for it. */
  readonly isFixed: boolean;
  /** Pods that no quota forbids. */
  readonly pods: () => number;
}

/**
 * Who makes way for those that found no room in a round: a decision with its reasons, and no more. What is asked for comes
 * back when its services return it; until then the room is kept for whom it was asked for. The most important come first,
 * within the budget of pods that may be preempted in a minute.
 */
export class Preempting {
  readonly #state: AllocationState;
  readonly #context: DecisionContext;
  readonly #nominations: RoundNominations;
  readonly #evictables: Evictables;
  readonly #hopeless = new Set<string>();
  readonly #held = new Map<EpochMs, RequestId[]>();
  #left: number;
  #plans = 0;

  constructor(state: AllocationState, context: DecisionContext, nominations: RoundNominations, givenUp: IdRuns) {
    this.#state = state;
    this.#context = context;
    this.#nominations = nominations;
    this.#evictables = new Evictables(state, givenUp);
    this.#left = budgetLeft(state, context.at);
  }

  /** `full`: the decision has no time left for plans. */
  *decide(
    waiting: readonly Waiting[],
    gangs: readonly WaitingGang[],
    full: boolean,
  ): IterableIterator<AllocationEvent> {
    if (budgetOf(this.#state) === 0) return;
    const all = [...waiting, ...gangs.map((gang) => ({ gang, row: gang.places.rows[0]! }))];
    for (const wish of all.sort((left, right) => priorityOf(right.row) - priorityOf(left.row))) {
      if ('gang' in wish) {
        yield* this.#decideForGang(wish.gang, wish.row, full);
        continue;
      }
      const key = keyOf(wish.row);
      if (this.#hopeless.has(key) || !this.#evictables.isAny(wish.row)) continue;
      const wanted = this.#wantedBy(wish);
      if (wanted === 0) continue;
      if (full || this.#plans >= PLANS_MAX || this.#evictables.isSpent) {
        this.#hold(wish.row, this.#context.at + SOON_MS);
        continue;
      }
      this.#plans += 1;
      const planned = this.#plan(wish, wanted);
      if (wish.isFixed && planned.pods === 0 && !planned.more) this.#hopeless.add(key);
      if (planned.pods > 0) yield this.#order(wish.row, planned);
    }
    for (const [until, requests] of this.#held) yield { type: 'PreemptionHeld', data: { requests, until } };
  }

  /** All that it lacks is made room for at once, or nobody makes way. */
  *#decideForGang(gang: WaitingGang, row: RequestRow, full: boolean): IterableIterator<AllocationEvent> {
    if (!this.#evictables.isAny(row)) return;
    if (full || this.#plans >= PLANS_MAX || this.#evictables.isSpent)
      return this.#hold(row, this.#context.at + SOON_MS);
    this.#plans += 1;
    const room = new TrialRoom(this.#state.agents.fleet);
    const most = Math.min(VICTIMS_MAX, budgetOf(this.#state));
    const planned = planForGang(this.#evictables, room, gang, most);
    const victims = room.takeBack();
    if (planned !== undefined && victims.length > 0 && victims.length <= this.#left) {
      this.#left -= victims.length;
      for (const { places } of planned) this.#evictables.taken(places.map(({ number }) => number));
      for (const { row: of, places, victims: own } of planned)
        yield this.#order(of, { places, victims: own, pods: countIn(of.indexes) });
      return;
    }
    this.#evictables.tried(victims, false);
    if (planned !== undefined && victims.length > this.#left) this.#holdBack(row, false, 0);
  }

  /** Where its constraints look at other pods it is one after the other. */
  #wantedBy({ row, left, isFixed, pods }: Waiting): number {
    const kept = this.#nominations.podsOf(row.request);
    if (!isFixed && kept > 0) return 0;
    const most = isFixed ? countIn(left) - kept : 1;
    return most <= 0 ? 0 : Math.min(most, pods());
  }

  #plan({ row, look }: Waiting, wanted: number): Evictions<LotGroup> & { readonly more: boolean } {
    const nodes = look((filters) => this.#evictables.nodesFor(row, filters));
    const kills = Math.min(this.#left, VICTIMS_MAX);
    const plan = this.#evictables.plan(row, wanted, nodes, kills);
    const more =
      plan.pods < wanted && this.#evictables.plan(row, plan.pods + 1, nodes, Number.POSITIVE_INFINITY).pods > plan.pods;
    this.#evictables.ordered(plan);
    this.#left -= plan.victims.length;
    if (more) this.#holdBack(row, kills === VICTIMS_MAX, plan.victims.length);
    return { ...plan, more };
  }

  #holdBack(row: RequestRow, byDecision: boolean, ordered: number): void {
    const { at } = this.#context;
    if (byDecision) return this.#hold(row, at + SOON_MS);
    const refill = budgetRefill(this.#state, at) ?? (ordered > 0 ? at + BUDGET_WINDOW_MS : undefined);
    // Nothing was spent, so the budget is less than a single pod would take: no time will help.
    if (refill !== undefined) this.#hold(row, refill);
  }

  #hold({ request }: RequestRow, until: EpochMs): void {
    const others = this.#held.get(until);
    if (others === undefined) this.#held.set(until, [request]);
    else others.push(request);
  }

  #order(row: RequestRow, { places, victims, pods }: Evictions<LotGroup>): AllocationEvent {
    const { at } = this.#context;
    const by = preemptorOf(row);
    const data: AllocationEventOf<'PreemptionOrdered'>['data'] = {
      preemption: this.#context.nextId(),
      for: by,
      places: places.map(({ number, pods: count }) => [number, count]),
      victims: victimsOf(victims),
      why: `no room for ${pods} of ${row.service} ${row.pod} (${row.role}, priority ${by.priority}), which may ask for ${rightOf(row)}`,
      at,
      until: at + NOMINATION_MS,
      noticeUntil: at + NOTICE_MS,
    };
    return { type: 'PreemptionOrdered', data };
  }
}

export function preemptorOf(row: RequestRow): Preemptor {
  const { request, service, pod, role } = row;
  return { request, service, pod, role, priority: priorityOf(row) };
}

/** By kind of pod; their grants in order. */
function victimsOf(chosen: Evictions<LotGroup>['victims']): Victims[] {
  const kinds = new Map<string, { readonly of: Omit<Victims, 'grants'>; readonly grants: GrantId[] }>();
  for (const { group, pod } of chosen) {
    const { service, generation, pod: name, role } = group.lot;
    const ranked = rankedAs(group.priority, group.revocable);
    const key = `${service}/${generation}/${name} ${role} ${group.priority} ${group.revocable}`;
    const kind = kinds.get(key) ?? { of: { service, generation, pod: name, role, ...ranked }, grants: [] };
    kind.grants.push(idOf<GrantId>(seqOf(group.key), pod.ordinal));
    kinds.set(key, kind);
  }
  const inOrder = (left: GrantId, right: GrantId) => seqOf(left) - seqOf(right) || ordinalOf(left) - ordinalOf(right);
  return Array.from(kinds.values(), ({ of, grants }) => ({ ...of, grants: idRunsOf(grants.sort(inOrder)) }));
}

/** Equal for requests that could ask the same pods to make way, and would find the same. */
function keyOf({ role, needs, constraints, avoid, revocable, ...of }: RequestRow): string {
  return JSON.stringify([role, priorityOf(of), revocable === true, needs, constraints, avoid]);
}
