import type { IdRuns, NominatedPlace, Preemptor } from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import { padded } from './keys.js';

/**
 * What an order to make way leaves behind until it is done: the room that is kept for whom it was given, and the grants that
 * have not come back. It ends when both are gone, and at `until` in any case.
 */
export interface PreemptionRow {
  readonly for: Preemptor;
  readonly places: readonly NominatedPlace[];
  readonly victims: IdRuns;
  readonly until: EpochMs;
  /** Schedulers of others have some of them, and so long to return them. */
  readonly noticeUntil?: EpochMs;
}

/** When time alone gives it something to do. */
export function dueKeys({ until, noticeUntil }: PreemptionRow): string[] {
  return noticeUntil === undefined ? [padded(until)] : [padded(noticeUntil), padded(until)];
}
