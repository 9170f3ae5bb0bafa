import type { Log, LogMessage, LogReader, MessageBatch, OutgoingMessage, TopicPartition } from '@orrery/control-loop';

/** A corner of a shared broker: topics have the names that contracts give them, behind a prefix of its own. */
export class PrefixedLog implements Log {
  readonly #log: Log;
  readonly #prefix: string;

  constructor(log: Log, prefix: string) {
    this.#log = log;
    this.#prefix = prefix;
  }

  append(target: TopicPartition, message: OutgoingMessage): Promise<number> {
    return this.#log.append(this.#there(target), message);
  }

  publish(topic: string, messages: readonly (OutgoingMessage & { readonly partition: number })[]): Promise<void> {
    return this.#log.publish(this.#prefix + topic, messages);
  }

  follow(
    source: TopicPartition,
    from: number,
    onBatch: (batch: MessageBatch) => void | Promise<void>,
    onError: (error: Error) => void,
  ): LogReader {
    return this.#log.follow(this.#there(source), from, onBatch, onError);
  }

  read(source: TopicPartition, from: number, to: number): Promise<LogMessage[]> {
    return this.#log.read(this.#there(source), from, to);
  }

  bounds(source: TopicPartition): Promise<{ readonly low: number; readonly high: number }> {
    return this.#log.bounds(this.#there(source));
  }

  #there({ topic, partition }: TopicPartition): TopicPartition {
    return { topic: this.#prefix + topic, partition };
  }
}
