import { quotaClientIds } from '@orrery/contracts';
import type { Log, LogMessage, LogReader, MessageBatch, OutgoingMessage, TopicPartition } from '@orrery/control-loop';
import { Appender } from './appender.js';
import { Backoff } from './backoff.js';
import { errorName, isPassing, ReadFailed } from './broker-errors.js';
import { BrokerAway, ClusterSession } from './cluster-session.js';
import { fetchExchange, listOffsetExchange } from './exchanges.js';
import type { KafkaOptions } from './kafka-options.js';
import { PartitionFetcher } from './partition-fetcher.js';
import { Publisher } from './publisher.js';
import { decodeBatch, splitBatches } from './record-batch.js';

const MIB = 1024 * 1024;
/** How long a question to the log is asked again while no broker answers. */
const ASK_FOR_MS = 15_000;
const READ_BYTES = 8 * MIB;

/** The log on a real broker. One per process: reading, writing, and publishing under a quota have connections of their own. */
export class KafkajsLog implements Log {
  readonly #reading: ClusterSession;
  readonly #writing: ClusterSession;
  readonly #fetcher: PartitionFetcher;
  readonly #appender: Appender;
  readonly #publisher: Publisher;
  /** By topic: what a quota may hold back goes over connections of its own. */
  readonly #heldBack: ReadonlyMap<string, { readonly session: ClusterSession; readonly publisher: Publisher }>;
  readonly #closing = new AbortController();

  constructor(options: KafkaOptions) {
    const note = (message: string, error: unknown): void =>
      options.logger?.('debug', message, { reason: error instanceof Error ? error.message : String(error) });
    const { signal } = this.#closing;
    this.#reading = new ClusterSession({ ...options, clientId: `${options.clientId}-reader` });
    this.#writing = new ClusterSession({ ...options, clientId: `${options.clientId}-writer` });
    this.#fetcher = new PartitionFetcher(this.#reading, note, options.restMs);
    this.#appender = new Appender(this.#writing, signal);
    this.#publisher = new Publisher(this.#writing, signal, note);
    this.#heldBack = new Map(
      Object.entries(options.clientIds ?? quotaClientIds).map(([topic, clientId]) => {
        const session = new ClusterSession({ ...options, clientId });
        return [topic, { session, publisher: new Publisher(session, signal, note) }];
      }),
    );
  }

  append(target: TopicPartition, message: OutgoingMessage): Promise<number> {
    return this.#appender.append(target, message);
  }

  publish(topic: string, messages: readonly (OutgoingMessage & { readonly partition: number })[]): Promise<void> {
    const { publisher = this.#publisher } = this.#heldBack.get(topic) ?? {};
    return publisher.publish(topic, messages);
  }

  follow(
    source: TopicPartition,
    from: number,
    onBatch: (batch: MessageBatch) => void | Promise<void>,
    onError: (error: Error) => void,
  ): LogReader {
    return this.#fetcher.follow(source, from, onBatch, onError);
  }

  async read(source: TopicPartition, from: number, to: number): Promise<LogMessage[]> {
    const messages: LogMessage[] = [];
    for (let next = from; next < to;) {
      const { records, highWatermark } = await this.#fetchOnce(source, next);
      if (highWatermark < to) throw notThere(source, `${from} to ${to}`, `it ends at ${highWatermark}`);
      const batches = splitBatches(records);
      if (batches.length === 0) throw notThere(source, `${from} to ${to}`, `nothing is served at ${next}`);
      for (const batch of batches) {
        decodeBatch(batch, next, (message) => {
          if (message.offset < to) messages.push(message);
        });
        next = Math.max(next, batch.lastOffset + 1);
      }
    }
    const gap = messages.findIndex((message, index) => message.offset !== from + index);
    if (gap >= 0) throw notThere(source, `${from} to ${to}`, `offset ${from + gap} is missing`);
    return messages;
  }

  async bounds(source: TopicPartition): Promise<{ low: number; high: number }> {
    const low = await this.#offset(source, 'earliest');
    return { low, high: await this.#offset(source, 'latest') };
  }

  /** Stops all readers, ends all waiting, and closes the connections. What was published and not acknowledged is rejected. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#fetcher.close();
    const sessions = [this.#reading, this.#writing, ...Array.from(this.#heldBack.values(), ({ session }) => session)];
    await Promise.all(sessions.map((session) => session.close()));
  }

  #offset(source: TopicPartition, which: 'earliest' | 'latest'): Promise<number> {
    return this.#ask(source, async (leader) => {
      const { errorCode, offset } = await this.#reading.send(leader, 0, listOffsetExchange(source, which));
      return { errorCode, result: offset };
    });
  }

  #fetchOnce(source: TopicPartition, offset: number): Promise<{ records: Buffer; highWatermark: number }> {
    const exchange = fetchExchange([{ ...source, offset, maxBytes: READ_BYTES }], {
      maxWaitMs: 0,
      maxBytes: READ_BYTES,
    });
    return this.#ask(source, async (leader) => {
      const [answer] = await this.#reading.send(leader, 0, exchange);
      return { errorCode: answer!.errorCode, result: answer! };
    });
  }

  /** Asks the leader, and asks again while there is none or it can't answer yet (a new leader waits for its watermark). */
  async #ask<T>(
    source: TopicPartition,
    question: (leader: number) => Promise<{ readonly errorCode: number; readonly result: T }>,
  ): Promise<T> {
    const backoff = new Backoff(this.#closing.signal);
    const until = Date.now() + ASK_FOR_MS;
    for (;;) {
      try {
        const { errorCode, result } = await question(await this.#reading.leaderOf(source));
        if (errorCode === 0) return result;
        if (!isPassing(errorCode)) throw notThere(source, 'the range', errorName(errorCode));
        throw new BrokerAway(errorName(errorCode));
      } catch (error) {
        const again = error instanceof BrokerAway && Date.now() < until && !this.#closing.signal.aborted;
        if (!again) throw error;
        this.#reading.forget(source);
        await backoff.wait();
      }
    }
  }
}

function notThere({ topic, partition }: TopicPartition, what: string, why: string): ReadFailed {
  return new ReadFailed('offset-out-of-range', `${topic}-${partition} does not hold ${what}: ${why}`);
}
