import { countIn, memberBytes, RUN_BYTES, type PendingReasons, type Ranges } from '@orrery/contracts';
import type { Picks } from '@orrery/scheduling';
import type { RequestRow } from './state.js';

/** What a round tells at most. The journal takes 256 KiB; the rest is for those that make way. */
const ROUND_BYTES_MAX = 192 * 1024;
/** Of a set beside its names, its agents and its members, with what the journal says of each event. */
const SET_BYTES = 350;
const PENDING_BYTES = 180;
const INDEXES_BYTES = 14;
/** Of a grant that ends with the placing of another. */
const REPLACED_BYTES = 16;

/** How large the events of a round become as JSON, counted while it goes on: never less than it is, and not much more. */
export class DecisionSize {
  readonly #reasonsBytes = new Map<PendingReasons, number>();
  #bytes = 0;

  get isFull(): boolean {
    return this.#bytes >= ROUND_BYTES_MAX;
  }

  /** So many pods of a request, each on an agent of its own, and at least one. */
  podsOf(row: RequestRow): number {
    return Math.max(1, Math.floor((ROUND_BYTES_MAX - this.#bytes) / (RUN_BYTES + podBytes(row))));
  }

  /** For pods that are placed all at once or not at all: they may have a decision of their own. */
  hasRoomForAll(rows: readonly RequestRow[]): boolean {
    if (this.#bytes === 0) return true;
    const bytesOf = (row: RequestRow) => setBytes(row) + countIn(row.indexes) * (RUN_BYTES + podBytes(row));
    return rows.reduce((bytes, row) => bytes + bytesOf(row), this.#bytes) <= ROUND_BYTES_MAX;
  }

  addSet(row: RequestRow): void {
    this.#bytes += setBytes(row);
  }

  addPods(row: RequestRow, { numbers, count }: Picks): void {
    this.#bytes += RUN_BYTES * numbers.length + podBytes(row) * count;
  }

  addPending(row: RequestRow, indexes: Ranges, reasons: PendingReasons): void {
    let bytes = this.#reasonsBytes.get(reasons);
    if (bytes === undefined) this.#reasonsBytes.set(reasons, (bytes = JSON.stringify(reasons).length));
    this.#bytes += PENDING_BYTES + namesBytes(row) + indexes.length * INDEXES_BYTES + bytes;
  }

  /** It is only named, among others. */
  addTried({ request }: RequestRow): void {
    this.#bytes += request.length + 3;
  }
}

function setBytes(row: RequestRow): number {
  return SET_BYTES + namesBytes(row) + row.role.length;
}

function namesBytes({ request, service, pod }: RequestRow): number {
  return request.length + service.length + pod.length;
}

function podBytes({ needs, replaces }: RequestRow): number {
  return memberBytes(needs) + (replaces.length > 0 ? REPLACED_BYTES : 0);
}
