import { setTimeout as sleep } from 'node:timers/promises';

/** What was waited for did not come in time. The message names it. */
export class NotInTime extends Error {}

export interface Patience {
  readonly what: string;
  readonly withinMs: number;
  readonly everyMs?: number;
  /** Ends the waiting early, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** Throws when waiting has become pointless. */
  readonly stillWorthIt?: (() => void) | undefined;
}

/** Asks again and again until the answer is not undefined. */
export async function until<T>(ask: () => Promise<T | undefined> | T | undefined, patience: Patience): Promise<T> {
  const deadline = performance.now() + patience.withinMs;
  for (;;) {
    patience.signal?.throwIfAborted();
    patience.stillWorthIt?.();
    const answer = await ask();
    if (answer !== undefined) return answer;
    if (performance.now() > deadline) {
      throw new NotInTime(`${patience.what} did not come within ${Math.round(patience.withinMs / 1000)} s`);
    }
    await sleep(patience.everyMs ?? 50);
  }
}
