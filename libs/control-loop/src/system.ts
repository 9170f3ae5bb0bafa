import { randomBytes } from 'node:crypto';
import type { Clock } from './ports/clock.js';
import type { Random } from './ports/random.js';

/** The machine's clock. A delay of nothing waits for one turn of the event loop, so that I/O comes in between. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  after(delayMs, run) {
    if (delayMs <= 0) {
      const immediate = setImmediate(run);
      return () => clearImmediate(immediate);
    }
    const timer = setTimeout(run, delayMs);
    return () => clearTimeout(timer);
  },
};

export const systemRandom: Random = {
  fraction: () => Math.random(),
  id: () => randomBytes(16).toString('hex'),
};
