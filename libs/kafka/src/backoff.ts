import { setTimeout as delay } from 'node:timers/promises';

const FIRST_MS = 100;
const LAST_MS = 1_000;

/** Waits 0.1 s, then twice as long each time up to 1 s, until something succeeds; ends early when the signal aborts. */
export class Backoff {
  readonly #signal: AbortSignal;
  #nextMs = FIRST_MS;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  succeeded(): void {
    this.#nextMs = FIRST_MS;
  }

  async wait(): Promise<void> {
    const waitMs = this.#nextMs * (0.75 + Math.random() / 2);
    this.#nextMs = Math.min(this.#nextMs * 2, LAST_MS);
    await pause(waitMs, this.#signal);
  }
}

/** Resolves after `ms` or when the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await delay(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
