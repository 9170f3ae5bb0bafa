import type { DecisionContext } from '@orrery/kernel';
import {
  countIn,
  type AllocationEvent,
  type IdRuns,
  type PendingReasons,
  type PlacementRequest,
  type QuotaObstacle,
  type Ranges,
  type RequestId,
  type RoleName,
} from '@orrery/contracts';
import {
  effectOf,
  hierarchicalDominantShares,
  NOTHING,
  Picks,
  plus,
  Session,
  times,
  type Amounts,
  type FairShare,
  type Filter,
  type Found,
  type Peer,
  type Wish,
} from '@orrery/scheduling';
import { chargedNeedsOf, placeNeedsOf, withAdoptions, withVolumes, type AdoptingRow } from './adoption.js';
import { DeadEnds, isByQuota, isKnownBefore, type DeadEnd } from './dead-ends.js';
import { DecisionSize } from './decision-size.js';
import type { WaitingGang } from './gang-evictions.js';
import { isWhole, seekTogether, tryBeside, type GangPlaces, type SeekPlaces } from './gang-places.js';
import { sizeOfGang } from './gang-rows.js';
import { GangTurns, gangFittingEmpty, gangReasons } from './gangs.js';
import { padded } from './keys.js';
import { NOTHING_FOUND, placeInSession, type Look } from './look.js';
import { servicesNear } from './neighbours.js';
import { RoundNominations } from './nominations.js';
import { placedEvents, supersededBy } from './placed-events.js';
import { Preempting, type Waiting } from './preempting.js';
import { quotaReasons } from './quotas.js';
import { firstOf, without } from './ranges.js';
import { filtersThatReject, reasonsOf } from './reasons.js';
import type { Answered, Blocked } from './round-answers.js';
import { rulesOf } from './rules.js';
import { RoundReservations } from './reservations.js';
import { remedyForGrowing } from './resizing.js';
import { looksAtItself, SetPeers, sizeOfSet } from './set-peers.js';
import { ledgerOf, mayBeTried, type AllocationState, type LedgerRow, type RequestRow } from './state.js';
import { Turns, WaitingRequests, type RoleTurn } from './turns.js';

/** Nodes looked at in one decision: some 20 ms on a slow core. */
const LOOKED_MAX = 1_000_000;
/** What passing over a request costs, in looks at a node, and what explaining it costs an agent. */
const DEAD_END_COST = 50;
const REASON_COST = 10;

/**
 * One decision's worth of placing: roles in the order of their shares, the more important requests of a role first,
 * equal ones in the order of their arrival, until nobody is left or the decision is full; what is left over stays fresh for
 * the next `continue`.
 */
export class Round {
  readonly #state: AllocationState;
  readonly #context: DecisionContext;
  readonly #ledger: LedgerRow;
  readonly #session: Session;
  readonly #peers: SetPeers;
  readonly #reserved: RoundReservations;
  readonly #nominations: RoundNominations;
  readonly #policy: FairShare;
  /** Of those whose quotas count, and then of those that live on what is left. */
  #turns: Turns;
  readonly #look: Look;
  readonly #served = new Map<AdoptingRow, Picks>();
  readonly #blocked: Blocked[] = [];
  readonly #deadEnds = new DeadEnds();
  readonly #grown = new Map<number, readonly number[]>();
  readonly #gangs: GangTurns;
  /** That keep what they found, and could not be told before that others make way. */
  readonly #waitingGangs: GangPlaces[] = [];
  readonly #size = new DecisionSize();
  #looked = 0;
  /** A gang came for whose places this decision has no room left. */
  #isEnding = false;

  constructor(
    state: AllocationState,
    context: DecisionContext,
    policy: FairShare = hierarchicalDominantShares,
    look: Look = placeInSession,
  ) {
    this.#state = state;
    this.#context = context;
    this.#look = look;
    this.#ledger = ledgerOf(state);
    this.#policy = policy;
    this.#nominations = new RoundNominations(state);
    this.#turns = new Turns(state, policy, this.#freeNow);
    this.#session = new Session(state.agents.fleet);
    this.#peers = new SetPeers(state);
    this.#reserved = new RoundReservations(state);
    this.#gangs = new GangTurns(state);
  }

  /** `arriving` is placed alone: nothing else has a claim. */
  run(arriving?: PlacementRequest): AllocationEvent[] {
    const full = this.#takeTurns(false, arriving) || this.#takeRevocableTurns(arriving);
    // What is superseded comes last: it may set free requests that were found blocked while it counted.
    const old = supersededBy(this.#state, this.#served);
    const givenUp = old.flatMap(({ data }) => data.grants);
    const placed = placedEvents(this.#state, this.#context, this.#served);
    const events = [...placed, ...this.#waiting(!full), ...old, ...this.#makeWay(full, givenUp)];
    this.#session.close();
    this.#reserved.close();
    this.#nominations.close();
    return events;
  }

  /** Revocable pods come after all others. */
  #takeRevocableTurns(arriving: PlacementRequest | undefined): boolean {
    this.#turns = new Turns(this.#state, this.#policy, this.#freeNow, true);
    return this.#takeTurns(true, arriving);
  }

  /** Says whether the decision is full. */
  #takeTurns(revocable: boolean, arriving: PlacementRequest | undefined): boolean {
    this.#queue(revocable, arriving);
    let full = false;
    for (let turn = this.#turns.next(); turn !== undefined && !(full = this.#isFull()); turn = this.#turns.next())
      this.#take(turn);
    return full;
  }

  #queue(revocable: boolean, arriving: PlacementRequest | undefined): void {
    if (arriving === undefined) {
      const roles = this.#state.requests.valuesOf(revocable ? 'revocable' : 'role') as IterableIterator<RoleName>;
      for (const role of roles) this.#turns.add(role, new WaitingRequests(this.#state, role, this.#ledger, revocable));
    } else if (revocable === (arriving.revocable === true)) {
      const row: RequestRow = { ...arriving, position: this.#ledger.nextPosition };
      const rows: Iterable<AdoptingRow> = row.gang === undefined ? withAdoptions(this.#state, row) : [row];
      this.#turns.add(row.role, rows[Symbol.iterator]());
    }
  }

  /** What quotas take for free: also what is kept for somebody, and what may be taken back. */
  readonly #freeNow = (): Amounts => {
    const { agents, roles } = this.#state;
    return plus(plus(agents.fleet.freeOnOpen(), this.#nominations.kept), roles.tree.revocableBelow(''));
  };

  /** For those that found no room, whatever their quotas say: who could make way. */
  #makeWay(full: boolean, givenUp: IdRuns): Iterable<AllocationEvent> {
    const waiting = this.#blocked.flatMap(({ row, left, turns, placedAround }): Waiting[] => {
      if (turns === undefined || row.adoption !== undefined || row.gang !== undefined) return [];
      if (this.#placedAround(row) !== placedAround) return [];
      const pods = () =>
        turns.roomFor(row.role, chargedNeedsOf(row), this.#nominations.podsOf(row.request), countIn(left));
      return [{ row, left, isFixed: this.#isFixed(row), pods, look: (see) => this.#lookAs(row, see) }];
    });
    const gangs = this.#waitingGangs.map((places): WaitingGang => {
      return { places, tryOut: (plan) => this.#tryOut(places, plan), isFixed: (row) => this.#isFixed(row) };
    });
    // What is left of the budget is counted over all agents.
    if (waiting.length + gangs.length === 0) return [];
    return new Preempting(this.#state, this.#context, this.#nominations, givenUp).decide(waiting, gangs, full);
  }

  /** Sees the fleet as the role of a request does. */
  #lookAs<Value>(row: AdoptingRow, see: (filters: readonly Filter[]) => Value): Value {
    if (this.#reserved.any) this.#reserved.lend(row.role);
    const seen = see(this.#session.place(this.#wishOf(row), 0).filters());
    this.#reserved.settle();
    return seen;
  }

  #isFull(): boolean {
    return this.#isEnding || this.#size.isFull || this.#looked + this.#session.looked >= LOOKED_MAX;
  }

  #take({ queue, pods, obstacle }: RoleTurn): void {
    const head = queue.head!;
    const { count, blocked } =
      queue.gang.length > 0 ? this.#answerGang(queue.gang, obstacle) : this.#answer(head, queue.left, pods, obstacle);
    this.#turns.served(queue, count);
    queue.takeFirst(count);
    if (blocked || queue.left.length === 0) queue.advance();
    while (queue.head !== undefined && this.#isDeadEnd(queue.head, queue.left) && !this.#isFull()) queue.advance();
    this.#turns.wait(queue);
  }

  #answer(row: AdoptingRow, left: Ranges, pods: number, obstacle: QuotaObstacle | undefined): Answered {
    if (obstacle !== undefined) return this.#refuse(row, left, obstacle);
    if (this.#isDeadEnd(row, left)) return { count: 0, blocked: true };
    return this.#isNominated(row) ? this.#serveNominated(row, left, pods) : this.#serveAnywhere(row, left, pods);
  }

  #answerGang(rows: readonly RequestRow[], obstacle: QuotaObstacle | undefined): Answered {
    if (obstacle === undefined) return this.#serveGang(rows);
    for (const row of rows) this.#refuse(row, row.indexes, obstacle);
    return { count: 0, blocked: true };
  }

  #serveAnywhere(row: AdoptingRow, left: Ranges, pods: number): Answered {
    return this.#reserved.any ? this.#serveReserved(row, left, pods) : this.#serve(row, left, pods);
  }

  /** Whether others made way for it, or do. */
  #isNominated({ request, adoption }: AdoptingRow): boolean {
    return adoption === undefined && this.#nominations.any && this.#nominations.podsOf(request) > 0;
  }

  /** First where room is kept for it, then anywhere. */
  #serveNominated(row: AdoptingRow, left: Ranges, pods: number): Answered {
    const { request } = row;
    const agents = this.#nominations.agentsOf(request);
    const wanted = Math.min(pods, this.#size.podsOf(row), this.#nominations.podsOf(request), countIn(left));
    this.#nominations.lend([request]);
    if (this.#reserved.any) this.#reserved.lend(row.role);
    const { picks } = this.#look(this.#session, row, this.#wishOf(row), wanted, agents);
    this.#grantNominated(row, picks);
    this.#reserved.settle();
    this.#nominations.settle();
    if (picks.count === wanted) return { count: picks.count, blocked: false };
    const { count, blocked } = this.#serveAnywhere(row, without(left, firstOf(left, picks.count)), pods - picks.count);
    return { count: picks.count + count, blocked };
  }

  /** Whatever room there is. */
  #refuse(row: AdoptingRow, left: Ranges, obstacle: QuotaObstacle): Answered {
    const reasons = quotaReasons(this.#state.agents.size, obstacle);
    this.#looked += DEAD_END_COST;
    this.#block(row, left, { since: -1, filters: ['quota'], reasons: () => reasons });
    return { count: 0, blocked: true };
  }

  /** Whether an equal request found nothing already: then it takes no turn. */
  #isDeadEnd(row: AdoptingRow, left: Ranges): boolean {
    // What is reserved is there for some and not for others.
    if (!this.#isFixed(row) || this.#reserved.any || row.adoption !== undefined || row.gang !== undefined) return false;
    if (this.#isNominated(row)) return false;
    const deadEnd = this.#deadEnds.of(row, this.#since(row));
    if (deadEnd === undefined) return false;
    this.#looked += DEAD_END_COST;
    this.#block(row, left, deadEnd);
    return true;
  }

  /** First where something is reserved for the role, then anywhere. */
  #serveReserved(row: AdoptingRow, left: Ranges, pods: number): Answered {
    const agents = this.#reserved.lend(row.role);
    const wanted = Math.min(pods, this.#size.podsOf(row), countIn(left));
    const { picks } =
      agents.length === 0 || row.adoption !== undefined
        ? NOTHING_FOUND
        : this.#look(this.#session, row, this.#wishOf(row), wanted, agents);
    this.#grant(row, picks);
    const rest = without(left, firstOf(left, picks.count));
    const { count, blocked } =
      picks.count === wanted ? { count: 0, blocked: false } : this.#serve(row, rest, wanted - picks.count);
    this.#reserved.settle();
    return { count: picks.count + count, blocked };
  }

  #serve(row: AdoptingRow, left: Ranges, pods: number): Answered {
    const since = this.#since(row);
    const wanted = Math.min(pods, this.#size.podsOf(row), countIn(left));
    const wish = this.#wishOf(row);
    const among = row.adoption === undefined ? (since < 0 ? undefined : this.#grownSince(since)) : [row.adoption.agent];
    const found = withVolumes(this.#state, row, this.#look(this.#session, row, wish, wanted, among));
    const { count } = found.picks;
    this.#grant(row, found.picks);
    const blocked = count < wanted;
    if (blocked) {
      const deadEnd = this.#deadEnd(since, found, wish, row);
      if (row.adoption === undefined && this.#isFixed(row)) this.#deadEnds.note(row, deadEnd);
      this.#block(row, without(left, firstOf(left, count)), deadEnd);
    }
    return { count, blocked };
  }

  /** All that wait, or none; then it keeps its turn. */
  #serveGang(rows: readonly RequestRow[]): Answered {
    const isNews = rows.some((row) => mayBeTried(row, this.#ledger));
    if (!isNews && !this.#gangs.mayKeep) return { count: 0, blocked: true };
    if (!this.#size.hasRoomForAll(rows)) {
      this.#isEnding = true;
      return { count: 0, blocked: false };
    }
    const { moment } = this.#session;
    this.#nominations.lend(rows.map(({ request }) => request));
    if (this.#reserved.any) this.#reserved.lend(rows[0]!.role);
    const gang = seekTogether(this.#state, rows, this.#peers, this.#seek);
    const served = isWhole(gang);
    if (served) for (const { part, picks } of gang.parts) this.#grantNominated(part, picks);
    else this.#gangWaits(gang, moment, isNews);
    this.#reserved.settle();
    this.#nominations.settle();
    return { count: served ? gang.fitting : 0, blocked: !served };
  }

  readonly #seek: SeekPlaces = (part, count) => {
    const wish = this.#wishOf(part);
    const among = part.adoption === undefined ? undefined : [part.adoption.agent];
    return { wish, found: withVolumes(this.#state, part, this.#look(this.#session, part, wish, count, among)) };
  };

  /** `moment`: before it looked for places. */
  #gangWaits(gang: GangPlaces, moment: number, isNews: boolean): void {
    const fittingEmpty = gangFittingEmpty(this.#state, gang.rows, (row) => this.#wishOf(row));
    // Else nothing grew since its reasons were told.
    if (isNews) this.#blockGang(gang, fittingEmpty);
    const isNominated = gang.rows.some((row) => this.#isNominated(row));
    if (isNominated || !this.#gangs.mayKeep || fittingEmpty < sizeOfGang(gang.rows))
      return this.#session.backTo(moment);
    this.#gangs.keep(gang);
    if (isNews) this.#waitingGangs.push(gang);
  }

  /** Places beside those that a gang keeps, which are only tried. */
  #tryOut<Value>(gang: GangPlaces, plan: (seek: SeekPlaces) => Value): Value {
    const { moment } = this.#session;
    if (this.#reserved.any) this.#reserved.lend(gang.rows[0]!.role);
    const value = tryBeside(gang, this.#peers, this.#seek, plan);
    this.#session.backTo(moment);
    this.#reserved.settle();
    return value;
  }

  #blockGang(gang: GangPlaces, fittingEmpty: number): void {
    const all = gangReasons(gang, fittingEmpty, (filters, needs) => {
      this.#looked += REASON_COST * this.#state.agents.size;
      return reasonsOf(this.#state, this.#gangs.explaining(filters, needs));
    });
    for (const [row, reasons] of all)
      this.#block(row, row.indexes, { since: -1, filters: filtersThatReject(reasons), reasons: () => reasons });
  }

  /** The growth from which on a request has not seen agents; -1: it has to look at all of them. */
  #since({ triedAt, constraints, adoption }: AdoptingRow): number {
    const looksAtAll = adoption !== undefined || effectOf(constraints) === 'balancing' || this.#gangs.any;
    return looksAtAll || triedAt === undefined ? -1 : Math.max(triedAt, this.#ledger.settled);
  }

  #grownSince(since: number): readonly number[] {
    let grown = this.#grown.get(since);
    if (grown === undefined) {
      const { agents } = this.#state;
      grown = [...agents.valuesOf('grown', padded(since + 1))].flatMap((value) =>
        Array.from(agents.by('grown', value), ([, { number }]) => number),
      );
      this.#grown.set(since, grown);
    }
    return grown;
  }

  #wishOf(row: AdoptingRow): Wish {
    const peers = looksAtItself(row) ? this.#peers.of(row) : [];
    return {
      needs: placeNeedsOf(row),
      rules: rulesOf(this.#state, row, this.#peers.avoiders(row)),
      policy: row.policy,
      avoid: row.avoid,
      peers,
      ...this.#preferencesOf(row, peers),
      neighbours: this.#peers.neighboursOf(row),
    };
  }

  #preferencesOf(row: AdoptingRow, peers: readonly Peer[]): Pick<Wish, 'preferences' | 'size'> {
    const { preferences, indexes } = row;
    if (preferences === undefined) return {};
    const waiting = countIn(indexes) - (this.#served.get(row)?.count ?? 0);
    return { preferences, size: sizeOfSet(peers, waiting) };
  }

  /** Whether nothing that was placed can decide about its nodes. */
  #isFixed(row: AdoptingRow): boolean {
    return effectOf(row.constraints) === 'fixed' && this.#peers.avoiders(row).length === 0;
  }

  /** Of the pods that the round has placed so far, those that might let it in. */
  #placedAround(row: AdoptingRow): number {
    if (servicesNear(row).length > 0) return this.#peers.total;
    return effectOf(row.constraints) === 'balancing' ? this.#peers.placedOf(row) : 0;
  }

  #grantNominated(row: AdoptingRow, picks: Picks): void {
    this.#grant(row, picks);
    for (const [at, number] of picks.numbers.entries()) this.#nominations.took(row.request, number, picks.counts[at]!);
  }

  #grant(row: AdoptingRow, picks: Picks): void {
    if (picks.count === 0) return;
    const needs = this.#reserved.any ? placeNeedsOf(row) : NOTHING;
    for (const [at, number] of picks.numbers.entries())
      if (this.#reserved.any) this.#reserved.took(number, times(needs, picks.counts[at]!));
    let served = this.#served.get(row);
    if (served === undefined) {
      this.#served.set(row, (served = new Picks()));
      this.#peers.granted(row, served);
      this.#size.addSet(row);
    }
    served.addAll(picks);
    this.#peers.counted(picks);
    if (looksAtItself(row)) this.#peers.placed(row, picks);
    this.#size.addPods(row, picks);
  }

  #deadEnd(since: number, found: Found, wish: Wish, row?: AdoptingRow): DeadEnd {
    let made: PendingReasons | undefined;
    const reasons = () => {
      if (made !== undefined) return made;
      const { filters } = since < 0 ? found : this.#session.place(wish, 0);
      this.#looked += REASON_COST * this.#state.agents.size;
      made = reasonsOf(this.#state, this.#gangs.explaining(filters(), wish.needs));
      if (row !== undefined) made = { ...made, remedy: remedyForGrowing(this.#state, row, made.remedy) };
      return made;
    };
    return { since, filters: since < 0 ? filtersThatReject(reasons()) : this.#rejecting(since, found), reasons };
  }

  /** Filters that rejected what grew. */
  #rejecting(since: number, found: Found): string[] {
    const { fleet } = this.#state.agents;
    if (fleet.open.length === 0) return ['open'];
    const rejecting = new Set<string>();
    const filters = found.filters();
    for (const number of this.#grownSince(since)) {
      if (!fleet.isOpen(number)) continue;
      const filter = filters.find((candidate) => !candidate.passes(fleet.nodes[number]!));
      if (filter !== undefined) rejecting.add(filter.name);
    }
    return [...rejecting];
  }

  /** Nothing more for this request now. Reasons are told when there are none yet, or when other filters stand in the way. */
  #block(row: AdoptingRow, indexes: Ranges, deadEnd: DeadEnd): void {
    const placedAround = this.#placedAround(row);
    // What a quota forbids nobody can make way for.
    const blocked = { row, left: indexes, placedAround, ...(isByQuota(deadEnd) ? {} : { turns: this.#turns }) };
    if (row.reasons !== undefined && isKnownBefore(row.reasons, deadEnd)) {
      this.#size.addTried(row);
      return void this.#blocked.push(blocked);
    }
    const { request, service, generation, pod } = row;
    const reasons = deadEnd.reasons();
    const data = { request, service, generation, pod, indexes, reasons };
    this.#blocked.push({ ...blocked, event: { type: 'PlacementPending', data } });
    this.#size.addPending(row, indexes, reasons);
  }

  /** What is told of those that found no place. `all`: everything that waits was tried. */
  *#waiting(all: boolean): IterableIterator<AllocationEvent> {
    const listed: RequestId[] = [];
    let settles = false;
    for (const { row, placedAround, event } of this.#blocked) {
      // Pods that its constraints look at were placed since: they may say another thing now, so it stays to be tried.
      if (this.#placedAround(row) !== placedAround) continue;
      if (event !== undefined) yield event;
      else if (all && row.triedAt !== undefined) settles = true;
      else listed.push(row.request);
    }
    if (listed.length > 0) yield { type: 'RequestsTried', data: { requests: listed } };
    if (settles) yield { type: 'RequestsTried', data: {} };
  }
}
