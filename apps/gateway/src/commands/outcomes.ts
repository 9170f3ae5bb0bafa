import type { RecordedOutcome } from '@orrery/contracts';

const OUTCOMES_MAX = 100_000;

/** An outcome and the journal that holds it. */
export interface KnownOutcome extends RecordedOutcome {
  readonly journal: string;
}

/** The newest outcomes by command id, from the journals; who waits for one is told as it is folded. */
export class Outcomes {
  readonly #known = new Map<string, KnownOutcome>();
  readonly #waiting = new Map<string, Set<(outcome: KnownOutcome) => void>>();

  constructor(private readonly sizeMax = OUTCOMES_MAX) {}

  get(id: string): KnownOutcome | undefined {
    return this.#known.get(id);
  }

  add(outcome: KnownOutcome): void {
    const id: string = outcome.command;
    // The first outcome of an id stands: what comes later under it is a reuse that was refused.
    if (!this.#known.has(id)) this.#known.set(id, outcome);
    if (this.#known.size > this.sizeMax) this.#known.delete(this.#known.keys().next().value!);
    for (const tell of this.#waiting.get(id) ?? []) tell(outcome);
    this.#waiting.delete(id);
  }

  /** The next outcome under this id; nothing when none comes in time. Ask before the command is sent. */
  next(id: string): { within(timeoutMs: number): Promise<KnownOutcome | undefined>; forget(): void } {
    let arrived: KnownOutcome | undefined;
    let wake: (() => void) | undefined;
    const tell = (outcome: KnownOutcome): void => {
      arrived = outcome;
      wake?.();
    };
    const waiting = this.#waiting.get(id) ?? new Set();
    this.#waiting.set(id, waiting.add(tell));
    const forget = (): void => {
      waiting.delete(tell);
      if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id);
    };
    return {
      forget,
      async within(timeoutMs) {
        if (arrived === undefined && timeoutMs > 0) {
          await new Promise<void>((done) => {
            const timer = setTimeout(done, timeoutMs);
            wake = () => (clearTimeout(timer), done());
          });
        }
        forget();
        return arrived;
      },
    };
  }
}
