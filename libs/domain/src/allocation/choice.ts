import {
  isIn,
  loopEventTypes,
  ordinalOf,
  seqOf,
  type AgentId,
  type AllocationEvent,
  type AllocationEventOf,
  type GrantId,
  type PendingReasons,
  type PlacementRequest,
  type RecordedEvent,
  valueAt,
} from '@orrery/contracts';
import { InvariantError, type DecisionContext, type EpochMs } from '@orrery/kernel';
import {
  funnelOf,
  hierarchicalDominantShares,
  Picks,
  scoredNodes,
  Session,
  type Filter,
  type FleetNode,
  type Found,
  type Wish,
} from '@orrery/scheduling';
import { whereItsVolumeIs, type AdoptingRow } from './adoption.js';
import { evolve } from './evolve.js';
import { isOpen } from './reasons.js';
import { numbersAt } from './ranges.js';
import type { Look } from './look.js';
import { Round } from './round.js';
import type { AllocationState } from './state.js';

/** How the place of one pod was chosen, at the moment at which it was its turn. */
export interface Choice {
  readonly policy: PlacementRequest['policy'];
  /** Agents that were known, and what each filter left of them. */
  readonly agents: number;
  readonly funnel: PendingReasons['funnel'];
  /** On so many of them the pod fitted. */
  readonly fitting: number;
  /** The one that was chosen, then the runners-up: higher is better, equal ones stand in the order of their registration. */
  readonly scores: readonly { readonly agent: AgentId; readonly hostname: string; readonly score: number }[];
}

/** The commit that placed a pod. */
export interface PlacingCommit {
  readonly seq: number;
  readonly at: EpochMs;
  readonly events: readonly RecordedEvent[];
}

/**
 * Decides once more what placed a grant, and watches how. `state` is that before the commit, and is another one afterwards:
 * whoever needs it again rolls it back. Nothing when the commit did not place the grant, or when it would be decided in
 * another way today: then its scores are not known.
 */
export function choiceOf(
  state: AllocationState,
  commit: PlacingCommit,
  grant: GrantId,
  scoresMax: number,
): Choice | undefined {
  const events = commit.events as readonly (RecordedEvent & AllocationEvent)[];
  const at = events.findIndex((event) => event.type === 'Placed' && holds(event.data, grant));
  if (at === -1) return undefined;
  const { data } = events[at] as { readonly data: Placed };
  const start = startOfDecision(events, at);
  const foldTo = (from: number, to: number) => {
    for (const event of events.slice(from, to)) if (!loopEventTypes.has(event.type)) evolve(state, event);
  };
  foldTo(0, start.at);
  for (let from = start.at; from <= at;) {
    const watch = new Watch(state, memberOf(data, grant), scoresMax);
    const round = new Round(state, contextOf(commit), hierarchicalDominantShares, watch.look);
    const decided = start.arriving === undefined ? round.run() : [QUEUED, ...round.run(start.arriving)];
    if (decided.length === 0) return undefined;
    const again = decided[at - from];
    if (again !== undefined) return isSame(again, data) ? watch.choice : undefined;
    foldTo(from, (from += decided.length));
  }
  return undefined;
}

type Placed = AllocationEventOf<'Placed'>['data'];

function holds({ grants }: Placed, grant: GrantId): boolean {
  const [seq, ordinal] = [seqOf(grant), ordinalOf(grant)];
  return grants.some(([of, first, last]) => of === seq && ordinal >= first! && ordinal <= last!);
}

/** A wish that is placed as it arrives is queued in the same decision; else it was a round, or several in a row. */
function startOfDecision(
  events: readonly (RecordedEvent & AllocationEvent)[],
  at: number,
): { readonly at: number; readonly arriving?: PlacementRequest } {
  const { cause, data } = events[at] as RecordedEvent & { readonly data: Placed };
  const queued = events.findLastIndex(
    (event, index) => index < at && event.type === 'RequestQueued' && event.data.request === data.request,
  );
  if (!('internal' in cause) && queued !== -1)
    return { at: queued, arriving: events[queued]!.data as PlacementRequest };
  let first = at;
  while (first > 0 && 'internal' in events[first - 1]!.cause) first -= 1;
  return { at: first };
}

const QUEUED = { type: 'RequestQueued' } as AllocationEvent;

function isSame(again: AllocationEvent, { request, indexes, agents }: Placed): boolean {
  if (again.type !== 'Placed' || again.data.request !== request) return false;
  return JSON.stringify([again.data.indexes, again.data.agents]) === JSON.stringify([indexes, agents]);
}

/** One pod among those that were placed together. */
interface Member {
  readonly request: PlacementRequest['request'];
  readonly index: number;
  /** Its agent, by number, and how many of them are on it before this one. */
  readonly agent: number;
  readonly before: number;
}

function memberOf({ request, indexes, agents, grants }: Placed, grant: GrantId): Member {
  const position = ordinalOf(grant) - grants[0]![1]!;
  const [[index]] = numbersAt(indexes, [[position, position]]) as [[number, number]];
  let before = position;
  for (const [at, agent] of agents.numbers.entries()) {
    const count = valueAt(agents.counts, at);
    if (before < count) return { request, index, agent, before };
    before -= count;
  }
  throw new InvariantError('a grant beyond the members of its set', { grant });
}

/** Stops right before the pod is placed, and looks at what there is to choose from. */
class Watch {
  choice: Choice | undefined;
  readonly #state: AllocationState;
  readonly #member: Member;
  readonly #scoresMax: number;
  #before: number;

  constructor(state: AllocationState, member: Member, scoresMax: number) {
    this.#state = state;
    this.#member = member;
    this.#scoresMax = scoresMax;
    this.#before = member.before;
  }

  readonly look: Look = (session, row, wish, count, among) => {
    const { request, index } = this.#member;
    const isIt = row.request === request && isIn(row.indexes, index) && this.choice === undefined;
    const earlier = isIt ? this.#podsBefore(wish, count, among) : undefined;
    if (earlier === undefined) return session.place(wish, count, among);
    const { picks } = session.place(wish, earlier, among);
    const later = wishAfter(this.#state, wish, picks);
    this.choice = this.#choose(session, row, later, among);
    const rest = session.place(later, count - earlier, among);
    return { picks: together(picks, rest.picks), filters: rest.filters };
  };

  /** How many of these pods are placed before it; nothing when it is not among them. */
  #podsBefore(wish: Wish, count: number, among: readonly number[] | undefined): number | undefined {
    const probe = new Session(this.#state.agents.fleet);
    const { picks } = probe.place(wish, count, among);
    probe.close();
    let placed = 0;
    for (const [at, number] of picks.numbers.entries()) {
      const here = picks.counts[at]!;
      if (number === this.#member.agent && this.#before < here) return placed + this.#before;
      if (number === this.#member.agent) this.#before -= here;
      placed += here;
    }
    return undefined;
  }

  #choose(session: Session, row: AdoptingRow, wish: Wish, among: readonly number[] | undefined): Choice {
    const { fleet } = this.#state.agents;
    const { filters }: Found = session.place(wish, 0);
    const own: Filter[] = row.adoption === undefined ? [] : [whereItsVolumeIs(this.#state, row.adoption)];
    const all = [...own, ...filters()];
    const known = fleet.nodes.filter((node) => node !== undefined);
    const looked = among === undefined || row.adoption !== undefined ? [] : [lookedAt(among)];
    const { agents, funnel } = funnelOf<FleetNode>(known, [isOpen(this.#state), ...looked, ...all], 0);
    const scored = scoredNodes(fleet, wish, all, among);
    const scores = scored.slice(0, this.#scoresMax).map(({ node, score }) => ({
      agent: node.id as AgentId,
      hostname: node.hostname,
      score,
    }));
    return { policy: wish.policy, agents, funnel, fitting: scored.length, scores };
  }
}

/** Those that something is reserved on for its role, or that something was given back on since it was last tried. */
function lookedAt(among: readonly number[]): Filter<FleetNode> {
  const numbers = new Set(among);
  return {
    name: 'looked-at',
    passes: ({ number }) => numbers.has(number),
    explain: () => 'it was not looked at: nothing there is reserved for the role, and nothing had become free',
    remedy: () => 'free something there',
  };
}

/** The same wish once some of its pods have their places. */
function wishAfter(state: AllocationState, wish: Wish, { numbers, counts }: Picks): Wish {
  const placed = numbers.map((number, at) => ({ node: state.agents.fleet.nodes[number]!, count: counts[at]! }));
  return { ...wish, peers: [...wish.peers, ...placed] };
}

function together(first: Picks, second: Picks): Picks {
  const both = new Picks();
  both.addAll(first);
  both.addAll(second);
  return both;
}

/** Ids only have to be different: what is decided again is compared by places. */
function contextOf({ at, seq }: PlacingCommit): DecisionContext {
  let ordinal = 0;
  return {
    ...{ at, seq, seed: 0 },
    nextId: () => `${seq}.${ordinal++}`,
    nextIds: (count) => (ordinal += count) - count,
  };
}
