import type { EpochMs } from '@orrery/kernel';

const AHEAD_MS_MAX = 5_000;

/**
 * Holds the owner's clock against the broker's: each own record was stamped by the broker after it was sent, so the own clock
 * is ahead by at least the difference. Journal time may not run away from the log's: leases and other owners live by it.
 */
export class BrokerTime {
  #aheadMs = 0;

  /** An own record, sent at `sentMs` of the own clock, bears this time of the broker. */
  onReadBack(sentMs: EpochMs, brokerMs: EpochMs): void {
    this.#aheadMs = sentMs - brokerMs;
  }

  /** How far `at` is ahead of the broker's time, when that is too much; `now` is the own clock. */
  tooFarAheadMs(at: EpochMs, now: EpochMs): number | undefined {
    const aheadMs = at - (now - this.#aheadMs);
    return aheadMs > AHEAD_MS_MAX ? aheadMs : undefined;
  }
}
