import type { LogMessage, MessageBatch, TopicPartition } from '@orrery/control-loop';
import { decodeBatch, splitBatches, type RawBatch } from './record-batch.js';

type OnBatch = (batch: MessageBatch) => void | Promise<void>;

/** Bytes read ahead of a reader before its partition is left out of fetches. */
const READ_AHEAD_BYTES = 4 * 1024 * 1024;
/** A reader is handed about this much at a time, so that one turn of the event loop stays short. */
const HANDED_BYTES = 256 * 1024;

/**
 * One reader of one partition: what was fetched ahead of it and the loop that hands it on, one batch at a time.
 *
 *   catching-up ──(fetch reached the high watermark)──▶ handing-over ──(the live poll takes it)──▶ live
 *        ▲                                                                                           │
 *        └──────────────────(a fetch stopped short of it, or the reader is too slow)─────────────────┘
 */
export class FollowedPartition {
  stage: 'catching-up' | 'handing-over' | 'live' = 'catching-up';
  /** Offset to fetch next. */
  position: number;

  readonly #onBatch: OnBatch;
  readonly #onError: (error: Error) => void;
  readonly #onRoom: () => void;
  readonly #queue: RawBatch[] = [];
  #queuedBytes = 0;
  #delivered: number;
  #highWatermark = 0;
  #delivering: Promise<void> | undefined;
  #stopped = false;

  constructor(
    readonly source: TopicPartition,
    from: number,
    handlers: { readonly onBatch: OnBatch; readonly onError: (error: Error) => void; readonly onRoom: () => void },
  ) {
    this.position = from;
    this.#delivered = from;
    this.#onBatch = handlers.onBatch;
    this.#onError = handlers.onError;
    this.#onRoom = handlers.onRoom;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  get hasRoom(): boolean {
    return this.#queuedBytes < READ_AHEAD_BYTES;
  }

  /**
   * Takes the answer to a fetch. Records below the position are dropped: a broker serves whole batches, and during a hand-over
   * two polls may ask for the same. It looks at its high watermark before it reads, so the records may reach beyond what it
   * says; consumers are never given what is above it.
   */
  take(records: Buffer, highWatermark: number): void {
    if (this.#stopped) return;
    this.#highWatermark = Math.max(this.#highWatermark, highWatermark);
    for (const batch of splitBatches(records)) {
      if (batch.lastOffset < this.position) continue;
      this.#queue.push(batch);
      this.#queuedBytes += batch.bytes.length;
      this.position = batch.lastOffset + 1;
      this.#highWatermark = Math.max(this.#highWatermark, this.position);
    }
    this.#chooseStage(highWatermark);
    this.#startDelivering();
  }

  fail(error: Error): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#drop();
    this.#onError(error);
  }

  /** Resolves once no `onBatch` runs; rejects with what the last one threw. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#drop();
    await this.#delivering;
  }

  #chooseStage(highWatermark: number): void {
    if (this.position < highWatermark || !this.hasRoom) this.stage = 'catching-up';
    else if (this.stage === 'catching-up') this.stage = 'handing-over';
  }

  #startDelivering(): void {
    if (this.#queue.length === 0 || this.#delivering !== undefined) return;
    this.#delivering = this.#deliver().finally(() => {
      this.#delivering = undefined;
      this.#startDelivering();
    });
  }

  async #deliver(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const messages = this.#next();
        if (messages.length > 0) await this.#onBatch({ messages, highWatermark: this.#highWatermark });
        if (this.#queue.length > 0) await nextTurn();
      }
    } catch (error) {
      if (this.#stopped) throw error;
      this.fail(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #next(): LogMessage[] {
    const messages: LogMessage[] = [];
    const hadRoom = this.hasRoom;
    for (let bytes = 0; bytes < HANDED_BYTES && this.#queue.length > 0;) {
      const batch = this.#queue.shift()!;
      bytes += batch.bytes.length;
      decodeBatch(batch, this.#delivered, (message) => messages.push(message));
      this.#delivered = batch.lastOffset + 1;
      this.#queuedBytes -= batch.bytes.length;
    }
    if (!hadRoom && this.hasRoom) this.#onRoom();
    return messages;
  }

  #drop(): void {
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
