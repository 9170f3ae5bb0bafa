const BITS = 10;
const BUCKETS = 1 << BITS;
const MASK = BUCKETS - 1;
const LEVELS = 3;
const HORIZON_MS = 2 ** (BITS * LEVELS) - 1;
const NONE = -1;

/**
 * Deadlines of millions of things without a timer or an object for any of them: a hierarchical timing wheel (Varghese and
 * Lauck, 1987) whose lists run through typed arrays. Time is whole milliseconds since the wheel began; level k has buckets
 * of 1,024^k ms each, and a bucket is dealt out to the level below when its time has come.
 */
export class TimingWheel {
  /** First of each bucket. */
  readonly #heads = new Int32Array(BUCKETS * LEVELS).fill(NONE);
  #next: Int32Array;
  /** The one before, or -2 - bucket for the first of a bucket; NONE when not scheduled. */
  #before: Int32Array;
  #dueMs: Uint32Array;
  #nowMs = 0;

  constructor(capacity: number) {
    this.#next = new Int32Array(capacity).fill(NONE);
    this.#before = new Int32Array(capacity).fill(NONE);
    this.#dueMs = new Uint32Array(capacity);
  }

  get bytes(): number {
    return this.#heads.byteLength + this.#next.byteLength + this.#before.byteLength + this.#dueMs.byteLength;
  }

  grow(capacity: number): void {
    this.#next = grown(this.#next, capacity);
    this.#before = grown(this.#before, capacity);
    const dueMs = new Uint32Array(capacity);
    dueMs.set(this.#dueMs);
    this.#dueMs = dueMs;
  }

  isScheduled(item: number): boolean {
    return this.#before[item] !== NONE;
  }

  /** What is due now or earlier comes with the next millisecond; what lies beyond the horizon (12 days) comes at it. */
  schedule(item: number, dueMs: number): void {
    this.cancel(item);
    this.#dueMs[item] = Math.min(Math.max(dueMs, this.#nowMs + 1), this.#nowMs + HORIZON_MS);
    this.#link(item);
  }

  cancel(item: number): void {
    const before = this.#before[item]!;
    if (before === NONE) return;
    const next = this.#next[item]!;
    if (before < NONE) this.#heads[-2 - before] = next;
    else this.#next[before] = next;
    if (next !== NONE) this.#before[next] = before;
    this.#before[item] = NONE;
  }

  /** Calls for all that is due up to this time, in order of time; what a call schedules may come within the same call. */
  advance(toMs: number, due: (item: number, dueMs: number) => void): void {
    while (this.#nowMs < toMs) {
      this.#nowMs += 1;
      const now = this.#nowMs;
      if ((now & MASK) === 0) this.#dealOut(now);
      const bucket = now & MASK;
      for (let item = this.#heads[bucket]!; item !== NONE; item = this.#heads[bucket]!) {
        this.cancel(item);
        due(item, now);
      }
    }
  }

  #dealOut(now: number): void {
    if ((now & (MASK << BITS)) === 0) this.#deal(2, now);
    this.#deal(1, now);
  }

  #deal(level: number, now: number): void {
    const bucket = level * BUCKETS + ((now >>> (BITS * level)) & MASK);
    let item = this.#heads[bucket]!;
    this.#heads[bucket] = NONE;
    while (item !== NONE) {
      const next = this.#next[item]!;
      this.#link(item);
      item = next;
    }
  }

  #link(item: number): void {
    const dueMs = this.#dueMs[item]!;
    const distance = dueMs ^ this.#nowMs;
    const level = distance < BUCKETS ? 0 : distance < BUCKETS * BUCKETS ? 1 : 2;
    const bucket = level * BUCKETS + ((dueMs >>> (BITS * level)) & MASK);
    const head = this.#heads[bucket]!;
    this.#next[item] = head;
    this.#before[item] = -2 - bucket;
    if (head !== NONE) this.#before[head] = item;
    this.#heads[bucket] = item;
  }
}

function grown(column: Int32Array, capacity: number): Int32Array {
  const larger = new Int32Array(capacity).fill(NONE);
  larger.set(column);
  return larger;
}
