import { journalTopic } from '@orrery/contracts';
import type { Clock, Log, LogReader, MessageBatch, OutgoingMessage, TopicPartition } from '@orrery/control-loop';
import { sha256 } from '@orrery/control-loop';

/** What a simulated process does to the log: its journal appends are observed, and mutants change what comes back. */
export interface ProcessHooks {
  /** A record that this process sends to a journal. */
  onAppend(target: TopicPartition, hash: string, value: Uint8Array): void;
}

/**
 * One process on a shared clock and log: everything that it waits for comes through here, so it can be paused for any time
 * (what happens meanwhile arrives later) or killed (nothing arrives any more, while what it sent goes on to land).
 */
export class SimulatedProcess {
  readonly clock: Clock;
  readonly log: Log;
  #paused = false;
  #dead = false;
  #held: (() => void)[] = [];
  readonly #readers = new Set<LogReader>();

  constructor(
    readonly name: string,
    world: { readonly clock: Clock; readonly log: Log },
    options: { readonly skewMs: number } & ProcessHooks,
  ) {
    this.clock = {
      nowMs: () => world.clock.nowMs() + options.skewMs,
      after: (delayMs, run) => {
        let cancelled = false;
        const cancel = world.clock.after(delayMs, () => this.#arrive(() => (cancelled ? undefined : run())));
        return () => {
          cancelled = true;
          cancel();
        };
      },
    };
    this.log = this.#logOf(world.log, options);
  }

  get paused(): boolean {
    return this.#paused;
  }

  get dead(): boolean {
    return this.#dead;
  }

  pause(): void {
    this.#paused = true;
  }

  /** Everything that happened meanwhile arrives, in order. */
  resume(): void {
    this.#paused = false;
    for (const arrive of this.#held.splice(0)) this.#arrive(arrive);
  }

  kill(): void {
    this.#dead = true;
    this.#held = [];
    for (const reader of this.#readers) void reader.stop();
  }

  /** Lets a call of a port answer through the process: late when it is paused, never when it is dead. */
  through<Value>(answer: Promise<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      answer.then(
        (value) => this.#arrive(() => resolve(value)),
        (error: unknown) => this.#arrive(() => reject(error as Error)),
      );
    });
  }

  #arrive(run: () => void): void {
    if (this.#dead) return;
    if (this.#paused) this.#held.push(run);
    else run();
  }

  #logOf(log: Log, { onAppend }: ProcessHooks): Log {
    return {
      append: (target, message) => {
        if (isJournal(target)) onAppend(target, sha256(message.value), message.value);
        return this.through(log.append(target, message));
      },
      publish: (topic: string, messages: readonly (OutgoingMessage & { readonly partition: number })[]) =>
        this.through(log.publish(topic, messages)),
      read: (source, from, to) => this.through(log.read(source, from, to)),
      bounds: (source) => this.through(log.bounds(source)),
      follow: (source, from, onBatch, onError) => {
        const deliver = (batch: MessageBatch) =>
          new Promise<void>((resolve, reject) =>
            this.#arrive(() => void Promise.resolve(onBatch(batch)).then(resolve, reject)),
          );
        const reader = log.follow(source, from, deliver, (error) => this.#arrive(() => onError(error)));
        this.#readers.add(reader);
        return reader;
      },
    };
  }
}

export function isJournal({ topic }: TopicPartition): boolean {
  return (
    topic === journalTopic('services') || topic === journalTopic('allocation') || topic === journalTopic('cluster')
  );
}
