import type { Clock } from '@orrery/control-loop';

interface Timer {
  readonly dueMs: number;
  readonly number: number;
  readonly run: () => void;
}

/**
 * A clock that stands still until it is advanced. Timers fire in the order of their times, then of their making, and all
 * promises settle between two of them, so a run depends on nothing but its inputs.
 */
export class ManualClock implements Clock {
  #nowMs: number;
  #made = 0;
  /** By due time, then by number; the next one last. */
  readonly #timers: Timer[] = [];

  constructor(startMs = Date.UTC(2026, 0, 1)) {
    this.#nowMs = startMs;
  }

  nowMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, run: () => void): () => void {
    const timer = { dueMs: this.#nowMs + Math.ceil(Math.max(0, delayMs)), number: (this.#made += 1), run };
    this.#timers.splice(this.#placeOf(timer), 0, timer);
    return () => {
      const index = this.#placeOf(timer) - 1;
      if (this.#timers[index] === timer) this.#timers.splice(index, 1);
    };
  }

  /** Lets `ms` pass: every timer due in it fires, those made meanwhile too. */
  async advance(ms: number): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    while (await this.#fireNext(untilMs));
    this.#nowMs = untilMs;
  }

  /** Lets time pass until the condition holds; throws when it does not within `ms`. */
  async advanceUntil(condition: () => boolean, what: string, ms = 60_000): Promise<void> {
    const untilMs = this.#nowMs + ms;
    await settled();
    while (!condition()) {
      if (!(await this.#fireNext(untilMs))) throw new Error(`not within ${ms} ms: ${what}`);
    }
  }

  /** Lets time pass until the promise settles, and gives its value. */
  async advanceWhile<Value>(promise: Promise<Value>, ms = 60_000): Promise<Value> {
    let pending = true;
    const watched = promise.finally(() => (pending = false));
    watched.catch(() => undefined); // Whoever awaits `watched` below sees the rejection.
    await this.advanceUntil(() => !pending, 'a promise settles', ms);
    return watched;
  }

  async #fireNext(untilMs: number): Promise<boolean> {
    const timer = this.#timers.at(-1);
    if (timer === undefined || timer.dueMs > untilMs) return false;
    this.#timers.pop();
    this.#nowMs = Math.max(this.#nowMs, timer.dueMs);
    timer.run();
    await settled();
    return true;
  }

  /** Where a timer stands or belongs: behind all that fire after it, and itself. */
  #placeOf(timer: Timer): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const other = this.#timers[middle]!;
      const firesLater = other.dueMs > timer.dueMs || (other.dueMs === timer.dueMs && other.number >= timer.number);
      if (firesLater) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** One turn of the event loop: every promise that can settle by itself has. */
export function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
