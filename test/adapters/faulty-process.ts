import {
  AppendInDoubt,
  systemClock,
  type Clock,
  type Log,
  type LogReader,
  type MessageBatch,
  type OutgoingMessage,
  type TopicPartition,
} from '@orrery/control-loop';
import type { SeededRandom } from '@orrery/testing';

type Fault = 'none' | 'slow' | 'late' | 'acknowledgement lost' | 'acknowledgement slow' | 'doubled';

const FAULTS: readonly Fault[] = [
  ...Array.from({ length: 4 }, (): Fault => 'none'),
  'slow',
  'late',
  'late',
  'acknowledgement lost',
  'acknowledgement slow',
  'doubled',
];

/**
 * A process as its log sees it on a bad day: a pause stops its timers, its reading and its writing at once; appends are
 * slow, land after they were given up, land twice, or land and are not acknowledged. What reaches the broker is real.
 */
export class FaultyProcess {
  readonly log: Log;
  readonly clock: Clock;
  readonly faults = new Map<Fault, number>();
  readonly #random: SeededRandom;
  readonly #real: Log;
  readonly #underWay = new Set<Promise<unknown>>();
  #awake: Promise<void> = Promise.resolve();
  #faulty = true;

  constructor(real: Log, random: SeededRandom) {
    this.#real = real;
    this.#random = random;
    this.log = {
      append: (target, message) => this.#append(target, message),
      publish: (topic, messages) => this.#whenAwake(() => real.publish(topic, messages)),
      follow: (source, from, onBatch, onError) => this.#follow(source, from, onBatch, onError),
      read: (source, from, to) => this.#whenAwake(() => real.read(source, from, to)),
      bounds: (source) => this.#whenAwake(() => real.bounds(source)),
    };
    this.clock = {
      nowMs: () => systemClock.nowMs(),
      after: (delayMs, run) => this.#after(delayMs, run),
    };
  }

  /** Nothing of this process happens for so long; what had left it is on its way. */
  pause(ms: number): void {
    const before = this.#awake;
    this.#awake = Promise.all([before, elapsed(ms)]).then(() => undefined);
  }

  /** From now on nothing goes wrong; resolves once everything that was late has landed. */
  async heal(): Promise<void> {
    this.#faulty = false;
    await this.#awake;
    while (this.#underWay.size > 0) await Promise.allSettled(this.#underWay);
  }

  async #append(target: TopicPartition, message: OutgoingMessage): Promise<number> {
    await this.#awake;
    const fault = this.#faulty ? this.#random.pick(FAULTS) : 'none';
    this.faults.set(fault, (this.faults.get(fault) ?? 0) + 1);
    const send = (): Promise<number> => this.#track(this.#real.append(target, message));
    switch (fault) {
      case 'none':
        break;
      case 'slow':
        await elapsed(this.#delayMs());
        await this.#awake;
        break;
      case 'late': {
        void this.#track(elapsed(this.#delayMs()).then(send));
        await elapsed(this.#random.below(100));
        throw new AppendInDoubt(new Error(fault));
      }
      case 'acknowledgement lost':
        await send();
        await this.#awake;
        throw new AppendInDoubt(new Error(fault));
      case 'acknowledgement slow': {
        const offset = await send();
        await elapsed(this.#delayMs());
        return this.#whenAwake(() => offset);
      }
      case 'doubled': {
        const offsets = await Promise.all([send(), send()]);
        return this.#whenAwake(() => this.#random.pick(offsets));
      }
    }
    const offset = await send();
    return this.#whenAwake(() => offset);
  }

  #follow(
    source: TopicPartition,
    from: number,
    onBatch: (batch: MessageBatch) => void | Promise<void>,
    onError: (error: Error) => void,
  ): LogReader {
    const delivered = async (batch: MessageBatch): Promise<void> => {
      await this.#awake;
      if (this.#faulty && this.#random.chance(0.2)) await elapsed(this.#delayMs() / 3);
      await this.#awake;
      await onBatch(batch);
    };
    return this.#real.follow(source, from, delivered, onError);
  }

  #after(delayMs: number, run: () => void): () => void {
    let cancelled = false;
    const cancel = systemClock.after(delayMs, () => {
      void this.#awake.then(() => {
        if (!cancelled) run();
      });
    });
    return () => {
      cancelled = true;
      cancel();
    };
  }

  async #whenAwake<Result>(act: () => Result | Promise<Result>): Promise<Result> {
    await this.#awake;
    return act();
  }

  #track<Result>(work: Promise<Result>): Promise<Result> {
    this.#underWay.add(work);
    const done = (): void => void this.#underWay.delete(work);
    work.then(done, done);
    return work;
  }

  #delayMs(): number {
    return 50 + this.#random.below(250);
  }
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
