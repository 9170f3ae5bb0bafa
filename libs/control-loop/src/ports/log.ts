/**
 * An append-only, partitioned log, as the control loop needs it: journals and input topics alike. Implemented by
 * `@orrery/kafka` on a real broker and by `@orrery/testing` in memory; one contract suite runs on both.
 */
export interface Log {
  /**
   * Appends one message and resolves with the offset that the log acknowledged, once all in-sync replicas have it.
   * Rejects with `AppendInDoubt` when the message may or may not be in the log, now or later; whoever sends the same bytes
   * again may thereby put them there twice.
   */
  append(target: TopicPartition, message: OutgoingMessage): Promise<number>;

  /** Appends many messages to any partitions, in order a partition; at least once, no offsets. For relays and reports. */
  publish(topic: string, messages: readonly (OutgoingMessage & { readonly partition: number })[]): Promise<void>;

  /**
   * Follows a partition from an offset on, in order, without end. `onBatch` is awaited before the next batch of this
   * partition is handed over, and reading ahead is bounded: a slow reader slows nobody else. Only what all in-sync replicas have is delivered. `onError` is told when the
   * reader can't go on (offset out of range, an `onBatch` that threw); the reader is stopped then.
   */
  follow(
    source: TopicPartition,
    from: number,
    onBatch: (batch: MessageBatch) => void | Promise<void>,
    onError: (error: Error) => void,
  ): LogReader;

  /** Reads the messages from `from` (inclusive) to `to` (exclusive) once. Rejects when any of them is not there. */
  read(source: TopicPartition, from: number, to: number): Promise<LogMessage[]>;

  /** First offset still kept and the offset after the last message that all in-sync replicas have. */
  bounds(source: TopicPartition): Promise<{ readonly low: number; readonly high: number }>;
}

export interface TopicPartition {
  readonly topic: string;
  readonly partition: number;
}

export interface OutgoingMessage {
  readonly key?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  readonly value: Uint8Array;
}

export interface LogMessage {
  readonly offset: number;
  /** When the log took it: the broker's time on topics with LogAppendTime. */
  readonly timestampMs: number;
  readonly key: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
  /** `null`: a tombstone, malformed everywhere in Orrery. */
  readonly value: Uint8Array | null;
}

export interface MessageBatch {
  readonly messages: readonly LogMessage[];
  /** Offset after the last message known to be replicated when the batch was fetched: a lower bound of the end. */
  readonly highWatermark: number;
}

export interface LogReader {
  /** Resolves once no `onBatch` runs and none will. */
  stop(): Promise<void>;
}

/** The message may have been appended, may be appended later, or never: only reading the log tells. */
export class AppendInDoubt extends Error {
  constructor(cause: unknown) {
    super(`append in doubt: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'AppendInDoubt';
  }
}
