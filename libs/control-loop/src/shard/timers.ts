import type { EpochMs } from '@orrery/kernel';

const IDLE_TICK_MS = 1_000;

/**
 * When the loop itself has something to decide. A tick (or continue) that decides nothing though it was asked for would come
 * again at once and for ever: it is held back for a second and reported.
 */
export class LoopTimers {
  #idleUntilMs: EpochMs = 0;

  /** Whether the tick of this deadline is due. */
  tickDue(deadline: EpochMs | undefined, at: EpochMs): boolean {
    return deadline !== undefined && deadline <= at && at >= this.#idleUntilMs;
  }

  continueDue(continues: boolean, at: EpochMs): boolean {
    return continues && at >= this.#idleUntilMs;
  }

  onIdle(at: EpochMs): void {
    this.#idleUntilMs = at + IDLE_TICK_MS;
  }

  /** The earliest moment to look again, if any. */
  nextMs(deadline: EpochMs | undefined, continues: boolean): EpochMs | undefined {
    const wanted = continues ? 0 : deadline;
    return wanted === undefined ? undefined : Math.max(wanted, this.#idleUntilMs);
  }
}
