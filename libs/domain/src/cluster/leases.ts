import type { AgentId, Heartbeat } from '@orrery/contracts';
import { fnv1a } from '@orrery/kernel';
import type { ClusterInternal } from './input.js';
import type { AgentRow } from './state.js';

/** An agent has lapsed when so many markers in a row were read without a heartbeat of it between. */
export const LEASE_MARKERS = 12;
/** Markers further apart than this: the owner or the log paused, and everybody gets a full lease. */
const MARKER_GAP_MAX_MS = 3000;
/** What was found out and had no effect yet is said again after so many markers. */
const REPEAT_AFTER_MARKERS = 3;
const BEHIND_MS = 2000;
const BEHIND_MS_MAX = 30_000;

/**
 * Leases on the log's time, of one owner of one cell: soft state, rebuilt at each take-over with a full lease for everybody.
 *
 * The owner writes a marker a second into each heartbeat partition and reads them back here, in the order of the log. No
 * clock is read: a pause of the owner, or a log that is away, makes no markers, so nobody lapses. A heartbeat only notes when
 * it came; a lease is looked at when the last heartbeat known at the look before would let it end, so once in a lease.
 */
export class Leases {
  readonly #agents = new Map<AgentId, Lease>();
  /** Last order of each agent by number: all that a launch changes here, and there are as many of them as tasks. */
  readonly #ordered: number[] = [];
  readonly #lanes: readonly Lane[];

  constructor(lanes: number) {
    this.#lanes = Array.from({ length: lanes }, () => ({
      marks: 0,
      since: 0,
      number: 0,
      at: undefined,
      looks: new Map(),
    }));
  }

  /** An agent as the last accepted commit left it, and its last order. One that joins or returns begins with a full lease. */
  note(row: AgentRow, ordered: number): void {
    const { agent, number, epoch, session } = row;
    const before = this.#agents.get(agent);
    if (row.standing === 'GONE') return void this.#agents.delete(agent);
    const watched = row.reachable && !row.lapseHeld;
    const anew = before === undefined || before.epoch !== epoch || before.watched !== watched;
    const lane = before?.lane ?? this.#laneOf(agent);
    const lease = anew ? { ...newLease(lane.marks), agent, number, lane, epoch, session, watched } : before;
    lease.asked = row.inventoryAsked;
    this.#agents.set(agent, lease);
    while (this.#ordered.length <= number) this.#ordered.push(0);
    this.#ordered[number] = ordered;
    if (anew && watched) lookAgain(lane, lease, lane.marks + LEASE_MARKERS);
  }

  /** One more order to the agent of this number. */
  ordered(number: number): void {
    if (number < this.#ordered.length) this.#ordered[number]! += 1;
  }

  /** A heartbeat as it was read; `atMs` is the log's time. Those of another process or epoch keep nobody's lease. */
  heartbeat(beat: Heartbeat, atMs: number): ClusterInternal | undefined {
    const lease = this.#agents.get(beat.agent);
    if (lease === undefined || lease.epoch !== beat.epoch || lease.session !== beat.session) return undefined;
    const { lane } = lease;
    lease.heardAt = lane.marks;
    if (!lease.watched && !lease.asked && lane.marks - lease.saidAt >= REPEAT_AFTER_MARKERS) {
      lease.saidAt = lane.marks;
      return { type: 'heartbeat-from-unreachable', agent: lease.agent, epoch: lease.epoch };
    }
    return isStuck(lease, this.#ordered[lease.number]! - beat.obeyed, beat.obeyed, atMs)
      ? { type: 'obeyed-behind', agent: lease.agent, epoch: lease.epoch, obeyed: beat.obeyed }
      : undefined;
  }

  /** A marker of this owner as it was read; repeats count once. Whose lease ended with it? */
  marker(laneNumber: number, number: number, atMs: number): ClusterInternal[] {
    const lane = this.#lanes[laneNumber];
    if (lane === undefined || number <= lane.number) return [];
    lane.number = number;
    lane.marks += 1;
    if (lane.at === undefined || atMs - lane.at > MARKER_GAP_MAX_MS) lane.since = lane.marks;
    lane.at = atMs;

    const lapsed: ClusterInternal[] = [];
    for (const lease of lane.looks.get(lane.marks) ?? []) {
      if (this.#agents.get(lease.agent) !== lease) continue;
      const ends = Math.max(lease.heardAt, lane.since) + LEASE_MARKERS;
      if (ends > lane.marks) {
        lookAgain(lane, lease, ends);
      } else {
        lapsed.push({ type: 'lease-lapsed', agent: lease.agent, epoch: lease.epoch });
        lookAgain(lane, lease, lane.marks + REPEAT_AFTER_MARKERS);
      }
    }
    lane.looks.delete(lane.marks);
    return lapsed;
  }

  #laneOf(agent: AgentId): Lane {
    return this.#lanes[fnv1a(agent) % this.#lanes.length]!;
  }
}

interface Lane {
  /** Markers read. */
  marks: number;
  /** The mark at which everybody was given a full lease. */
  since: number;
  /** Of the last marker. */
  number: number;
  at: number | undefined;
  /** Mark → leases that may have ended by then; those that were replaced since are passed over. */
  readonly looks: Map<number, Lease[]>;
}

interface Lease {
  readonly agent: AgentId;
  readonly number: number;
  readonly lane: Lane;
  readonly epoch: number;
  readonly session: string;
  /** Its lease runs: it is reachable, and no lapse of it is held. */
  readonly watched: boolean;
  /** Its inventory was asked for. */
  asked: boolean;
  /** Mark of its lane when it was last heard. */
  heardAt: number;
  /** Mark of its lane when it was last heard though its lease does not run. */
  saidAt: number;
  /** While it is behind with its orders: how far it is, since when, and how long that may last. */
  behind: { readonly obeyed: number; readonly sinceMs: number; readonly patienceMs: number } | undefined;
}

function lookAgain(lane: Lane, lease: Lease, mark: number): void {
  const looks = lane.looks.get(mark);
  if (looks === undefined) lane.looks.set(mark, [lease]);
  else looks.push(lease);
}

function newLease(mark: number): Pick<Lease, 'asked' | 'heardAt' | 'saidAt' | 'behind'> {
  return { asked: false, heardAt: mark, saidAt: -REPEAT_AFTER_MARKERS, behind: undefined };
}

/** Behind with its orders and without progress for a while. An agent that does not heal is told more and more rarely. */
function isStuck(lease: Lease, left: number, obeyed: number, atMs: number): boolean {
  const { behind } = lease;
  if (left <= 0) {
    lease.behind = undefined;
    return false;
  }
  if (behind === undefined || obeyed > behind.obeyed) {
    lease.behind = { obeyed, sinceMs: atMs, patienceMs: BEHIND_MS };
    return false;
  }
  if (atMs - behind.sinceMs <= behind.patienceMs) return false;
  lease.behind = { obeyed, sinceMs: atMs, patienceMs: Math.min(behind.patienceMs * 2, BEHIND_MS_MAX) };
  return true;
}
