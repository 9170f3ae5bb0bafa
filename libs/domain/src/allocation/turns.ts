import { countIn, isIn, type GrantId, type QuotaObstacle, type Ranges, type RoleName } from '@orrery/contracts';
import { minus, NOTHING, times, type Amounts, type FairShare, type Needs, type Shares } from '@orrery/scheduling';
import { chargedNeedsOf, withAdoptions, type AdoptingRow } from './adoption.js';
import { chargeOf } from './charge.js';
import { chargedForGang, gangOf, leadsGang, sizeOfGang } from './gang-rows.js';
import { queuePrefix } from './keys.js';
import { chargedIn } from './lots.js';
import { Quotas } from './quotas.js';
import { common, firstOf, without } from './ranges.js';
import { isComplete, ledgerOf, mayBeTried, type AllocationState, type LedgerRow, type RequestRow } from './state.js';

/** A role's turn: so many pods for the first of its requests, or why there can be none. */
export interface RoleTurn {
  readonly queue: RoleQueue;
  readonly pods: number;
  readonly obstacle?: QuotaObstacle;
}

/**
 * Who comes next in a round: what is guaranteed first, then whoever has the smallest share; within a role the more
 * important first, equal ones as they came. Nobody gets a turn beyond a limit.
 */
export class Turns {
  readonly #state: AllocationState;
  readonly #shares: Shares;
  readonly #quotas: Quotas;
  readonly #hasQuotas: boolean;
  readonly #queues = new Map<RoleName, RoleQueue>();
  readonly #replaced = new Set<GrantId>();

  /** `revocable`: pods that no quota is asked for compete for what is left, by what their roles hold of that kind. */
  constructor(state: AllocationState, policy: FairShare, freeNow: () => Amounts, revocable = false) {
    const { capacity: total, scarce = [] } = ledgerOf(state);
    const { tree } = state.roles;
    const standingOf = (path: string) => (revocable ? tree.revocableStandingOf(path) : tree.standingOf(path));
    this.#state = state;
    this.#shares = policy.open({ total, scarce, standingOf });
    this.#quotas = new Quotas(tree, freeNow);
    this.#hasQuotas = tree.hasQuotas && !revocable;
  }

  add(role: RoleName, requests: Iterator<AdoptingRow>): void {
    const queue = new RoleQueue(this.#state, role, requests);
    if (queue.head === undefined) return;
    this.#queues.set(role, queue);
    this.wait(queue);
  }

  next(): RoleTurn | undefined {
    for (;;) {
      const turn = this.#shares.turn();
      if (turn === undefined) return undefined;
      const queue = this.#queues.get(turn.role as RoleName)!;
      const { needs } = queue;
      const owed = turn.owed ? this.#quotas.owedPods(queue.role, needs) : Number.POSITIVE_INFINITY;
      if (owed >= 1) return this.#turnOf(queue, Math.min(turn.pods, owed));
      // What was guaranteed went to another role below the same one.
      this.#shares.wait(queue.role, needs, false);
    }
  }

  /** Pods beside so many others that no quota forbids. */
  roomFor(role: RoleName, needs: Needs, besides: number, most: number): number {
    if (!this.#hasQuotas) return most;
    const others = times(needs, besides);
    this.#quotas.give(role, others);
    const { pods } = this.#quotas.room(role, needs, most);
    this.#quotas.give(role, minus(NOTHING, others));
    return pods;
  }

  /** So many pods of the head were placed, or all of its gang. */
  served({ role, head, gang, left, needs }: RoleQueue, count: number): void {
    const given = times(needs, gang.length === 0 ? count : Math.min(1, count));
    this.#shares.give(role, given);
    if (this.#hasQuotas) this.#quotas.give(role, given);
    const replacedNow =
      gang.length === 0 ? this.#replacedBy(head!, firstOf(left, count)) : count === 0 ? [] : this.#replacedByAll(gang);
    for (const replaced of replacedNow) {
      this.#replaced.add(replaced.grant);
      this.#quotas.give(replaced.role, minus(NOTHING, replaced.charge));
    }
  }

  /** The queue goes on with its head, or it is empty. */
  wait(queue: RoleQueue): void {
    if (queue.head === undefined) {
      this.#queues.delete(queue.role);
      return this.#shares.rest(queue.role);
    }
    const { role, needs } = queue;
    const owed = this.#hasQuotas && this.#quotas.owedPods(role, needs) >= 1;
    this.#shares.wait(role, needs, owed);
  }

  #turnOf(queue: RoleQueue, pods: number): RoleTurn {
    const { role, left, needs } = queue;
    if (queue.gang.length > 0) return this.#turnOfGang(queue);
    const wanted = Math.min(pods, countIn(left));
    if (!this.#hasQuotas) return { queue, pods: wanted };
    // A pod that stands in for another one takes its place in the quota: one by one, since they may differ.
    const replaced = this.#replacedBy(queue.head!, firstOf(left, 1));
    if (replaced.length === 0) return { queue, ...this.#quotas.room(role, needs, wanted) };
    for (const { role: of, charge } of replaced) this.#quotas.give(of, minus(NOTHING, charge));
    const room = this.#quotas.room(role, needs, 1);
    for (const { role: of, charge } of replaced) this.#quotas.give(of, charge);
    return { queue, ...room };
  }

  /** A gang takes its turn as a whole, however long that is. */
  #turnOfGang(queue: RoleQueue): RoleTurn {
    const { role, gang, needs } = queue;
    const size = sizeOfGang(gang);
    if (!this.#hasQuotas) return { queue, pods: size };
    const replaced = this.#replacedByAll(gang);
    for (const { role: of, charge } of replaced) this.#quotas.give(of, minus(NOTHING, charge));
    const room = this.#quotas.roomForAll(role, needs, size);
    for (const { role: of, charge } of replaced) this.#quotas.give(of, charge);
    return { queue, ...room };
  }

  #replacedByAll(gang: readonly RequestRow[]): Replaced[] {
    return gang.flatMap((row) => this.#replacedBy(row, row.indexes));
  }

  /** What is charged for grants that these indexes stand in for, each once a round. */
  #replacedBy({ replaces }: RequestRow, indexes: Ranges): Replaced[] {
    if (replaces.length === 0 || !this.#hasQuotas) return [];
    const found: Replaced[] = [];
    for (const { index, grant } of replaces) {
      const part = isIn(indexes, index) && !this.#replaced.has(grant) ? this.#state.lots.find(grant) : undefined;
      if (part === undefined || part.lot.revocable === true) continue;
      if (common(chargedIn(part.lot), part.ordinals).length === 0) continue;
      found.push({ grant, role: part.lot.role, charge: chargeOf(this.#state, part) });
    }
    return found;
  }
}

/** A grant that ends with the placing of another. */
interface Replaced {
  readonly grant: GrantId;
  readonly role: RoleName;
  readonly charge: Amounts;
}

const NO_NEEDS: Needs = { ...NOTHING, ports: [] };

/** The requests of one role on their way through a round. */
export class RoleQueue {
  readonly role: RoleName;
  readonly #state: AllocationState;
  readonly #requests: Iterator<AdoptingRow>;
  head: AdoptingRow | undefined;
  /** All requests of the gang that the head leads; none where it is no gang. */
  gang: readonly RequestRow[] = [];
  /** Indexes of the head that still wait, and what each of them needs; of a gang, what all of it needs. */
  left: Ranges = [];
  needs: Needs = NO_NEEDS;

  constructor(state: AllocationState, role: RoleName, requests: Iterator<AdoptingRow>) {
    this.#state = state;
    this.role = role;
    this.#requests = requests;
    this.advance();
  }

  advance(): void {
    this.head = this.#requests.next().value as AdoptingRow | undefined;
    this.left = this.head?.indexes ?? [];
    this.gang = this.head === undefined ? [] : gangOf(this.#state, this.head);
    if (this.gang.length > 0) this.needs = { ...chargedForGang(this.gang), ports: [] };
    else this.needs = this.head === undefined ? NO_NEEDS : chargedNeedsOf(this.head);
  }

  /** The first of what is left were served; of a gang all. */
  takeFirst(count: number): void {
    this.left = this.gang.length > 0 && count > 0 ? [] : without(this.left, firstOf(this.left, count));
  }
}

/**
 * Requests of a role that have something to look at, and gangs, which keep their turns: the more important first, equal ones
 * in the order in which they came. A round takes the first of a thousand roles and few of the others, so each is sought
 * when it is its turn.
 */
export class WaitingRequests implements Iterator<AdoptingRow> {
  readonly #state: AllocationState;
  readonly #ledger: LedgerRow;
  readonly #prefix: string;
  readonly #revocable: boolean;
  #from: string;
  #parts: Iterator<AdoptingRow> | undefined;

  constructor(state: AllocationState, role: RoleName, ledger: LedgerRow, revocable = false) {
    this.#state = state;
    this.#ledger = ledger;
    this.#prefix = queuePrefix(role, revocable);
    this.#revocable = revocable;
    this.#from = this.#prefix;
  }

  next(): IteratorResult<AdoptingRow, undefined> {
    for (;;) {
      const part = this.#parts?.next();
      if (part !== undefined && part.done !== true) return part;
      this.#parts = undefined;
      const row = this.#nextRow();
      if (row === undefined) return { done: true, value: undefined };
      if (row.gang !== undefined) {
        if (isComplete(row) && leadsGang(this.#state, row)) return { done: false, value: row };
        continue;
      }
      if (!mayBeTried(row, this.#ledger)) continue;
      if (row.needs.volumes.length === 0 && row.resizes === undefined) return { done: false, value: row };
      this.#parts = withAdoptions(this.#state, row);
    }
  }

  #nextRow(): RequestRow | undefined {
    const { requests } = this.#state;
    const key = requests.firstOf('queue', this.#from);
    if (key === undefined || !key.startsWith(this.#prefix)) return undefined;
    if (!this.#revocable && key[this.#prefix.length] === 'r') return undefined;
    this.#from = `${key}\0`;
    return requests.firstBy('queue', key);
  }
}
