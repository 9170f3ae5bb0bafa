import { JournalStopped } from '../journal/judge.js';
import type { Clock } from '../ports/clock.js';
import type { Log, LogMessage, LogReader, MessageBatch, TopicPartition } from '../ports/log.js';
import { Room } from './room.js';

export interface PartitionQueueOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly source: TopicPartition;
  onArrival(): void;
  onTrouble(error: Error): void;
  /** Messages that were never decided on are gone: the shard can't go on honestly. */
  onLost(error: Error): void;
}

const MESSAGES_MAX = 5_000;
const BYTES_MAX = 16 * 1024 * 1024;
const BACK_OFF_MS = 500;

/**
 * The messages of a command or report partition that no accepted commit has decided on yet. A decision takes them
 * without removing them: they leave when a commit that covers them is accepted, and come again when it turned out void. A
 * standby reads along, so that it has them at hand when it takes over.
 *
 * Anyone may write here, with transactions too, so offsets may have holes; what is lost to retention is found by the low
 * offset.
 */
export class PartitionQueue {
  readonly #options: PartitionQueueOptions;
  readonly #room = new Room(MESSAGES_MAX, BYTES_MAX);
  #messages: LogMessage[] = [];
  /** Messages before this index are taken. */
  #taken = 0;
  /** Offset of the next message to decide on, in accepted state. */
  #position = 0;
  #readNext = 0;
  #reader: LogReader | undefined;
  #cancelRestart: (() => void) | undefined;
  #stopped = false;

  constructor(options: PartitionQueueOptions) {
    this.#options = options;
  }

  get source(): TopicPartition {
    return this.#options.source;
  }

  /** Messages at hand that are not taken. */
  get waiting(): number {
    return this.#messages.length - this.#taken;
  }

  async start(position: number): Promise<void> {
    this.#position = position;
    this.#readNext = position;
    await this.#begin();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRestart?.();
    this.#room.open();
    await this.#reader?.stop();
  }

  peek(): LogMessage | undefined {
    return this.#messages[this.#taken];
  }

  take(): void {
    this.#taken += 1;
  }

  /** Accepted state stands here: what lies before leaves, what lies behind is to be decided on, again if need be. */
  resetTo(position: number): void {
    this.#position = position;
    let gone = 0;
    while (gone < this.#messages.length && this.#messages[gone]!.offset < position) gone += 1;
    for (const message of gone === 0 ? [] : this.#messages.splice(0, gone)) this.#room.leave(sizeOf(message));
    this.#taken = 0;
  }

  async #begin(): Promise<void> {
    const { log, source, onLost } = this.#options;
    try {
      const { low } = await log.bounds(source);
      if (this.#stopped) return;
      if (low > this.#readNext) {
        const message = `${source.topic}-${source.partition} begins at ${low}, but ${this.#readNext} was not decided on yet`;
        return onLost(new JournalStopped('input-lost', message));
      }
      this.#reader = log.follow(
        source,
        this.#readNext,
        (batch) => this.#onBatch(batch),
        (error) => this.#restart(error),
      );
    } catch (error) {
      this.#restart(error as Error);
    }
  }

  async #onBatch({ messages }: MessageBatch): Promise<void> {
    for (const message of messages) {
      if (this.#stopped) return;
      const room = this.#room.free();
      if (room !== undefined) await room;
      this.#readNext = message.offset + 1;
      if (message.offset < this.#position) continue;
      this.#messages.push(message);
      this.#room.enter(sizeOf(message));
      this.#options.onArrival();
    }
  }

  #restart(error: Error): void {
    if (this.#stopped) return;
    this.#options.onTrouble(error);
    this.#cancelRestart = this.#options.clock.after(BACK_OFF_MS, () => void this.#begin());
  }
}

function sizeOf({ value }: LogMessage): number {
  return 200 + (value?.length ?? 0);
}
