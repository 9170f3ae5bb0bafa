import type { AllocationEvent, Ranges } from '@orrery/contracts';
import type { AdoptingRow } from './adoption.js';
import type { Turns } from './turns.js';

/** So many pods of a request were placed, and whether nothing more can be done for it now. */
export interface Answered {
  readonly count: number;
  readonly blocked: boolean;
}

/** A request that was tried in vain: with an event when its reasons are new. */
export interface Blocked {
  readonly row: AdoptingRow;
  readonly left: Ranges;
  /** In which it was its turn, if it was not its quota that stood in the way. */
  readonly turns?: Turns;
  /** Pods that might let it in and that the round had placed when it was tried. */
  readonly placedAround: number;
  readonly event?: AllocationEvent;
}
