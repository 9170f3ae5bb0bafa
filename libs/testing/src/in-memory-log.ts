import {
  AppendInDoubt,
  type Clock,
  type Log,
  type LogMessage,
  type LogReader,
  type MessageBatch,
  type OutgoingMessage,
  type TopicPartition,
} from '@orrery/control-loop';
import type { SeededRandom } from './seeded-random.js';

/** How likely what goes wrong is, 0 to 1, a call. Change the fields while running to calm a storm. */
export interface LogFaults {
  /** The append never reaches the log. */
  lost: number;
  /** The message is there, its acknowledgement is not. */
  acknowledgementLost: number;
  /** The append is given up, and lands later. */
  late: number;
  /** A retry inside the client put it there twice; the second offset is acknowledged. */
  doubled: number;
  /** The leader changes while the message is not replicated: the tail above the high watermark is cut. */
  leaderChange: number;
  /** A read or a question about bounds fails. */
  readFails: number;
  /** Up to this long a late message is under way. */
  lateMsMax: number;
  /** Up to this long an append, a replication or a delivery takes. */
  latencyMsMax: number;
}

export const noFaults: LogFaults = {
  lost: 0,
  acknowledgementLost: 0,
  late: 0,
  doubled: 0,
  leaderChange: 0,
  readFails: 0,
  lateMsMax: 0,
  latencyMsMax: 0,
};

interface Partition {
  messages: LogMessage[];
  low: number;
  /** Offset after the last replicated message: what readers see. */
  high: number;
  /** What a new leader is sure to have. */
  replicated: number;
  readonly followers: Set<Follower>;
  /** Told when the message at this offset is replicated or was cut. */
  readonly waiting: Map<number, (replicated: boolean) => void>;
}

const BATCH_MESSAGES_MAX = 500;

/**
 * A log as a broker keeps it, in memory: offsets, broker time, a high watermark, and, from a seed, everything that goes wrong
 * between a client and a broker. Without faults an append takes one turn of the clock and lands once.
 */
export class InMemoryLog implements Log {
  readonly faults: LogFaults;
  readonly #clock: Clock;
  readonly #random: SeededRandom | undefined;
  readonly #acknowledgesEarly: boolean;
  readonly #partitions = new Map<string, Partition>();

  constructor(
    clock: Clock,
    chance?: {
      readonly random: SeededRandom;
      readonly faults: LogFaults;
      /** `leader`: acknowledged and shown before it is replicated, as with acks=1; a leader change then takes it back. */
      readonly durability?: 'replicated' | 'leader';
    },
  ) {
    this.#clock = clock;
    this.#acknowledgesEarly = chance?.durability === 'leader';
    this.#random = chance?.random;
    this.faults = chance?.faults ?? { ...noFaults };
  }

  append(target: TopicPartition, message: OutgoingMessage): Promise<number> {
    return new Promise((resolve, reject) => {
      const doubt = (why: string) => this.#later(() => reject(new AppendInDoubt(why)));
      const fault = this.#drawFault();
      if (fault === 'lost') return doubt('lost');
      if (fault === 'late') {
        this.#clock.after(this.#latency(this.faults.lateMsMax), () => this.#land(target, message, () => undefined));
        return doubt('late');
      }
      this.#later(() => {
        if (fault === 'doubled') this.#land(target, message, () => undefined);
        this.#land(target, message, (offset) => {
          if (offset === undefined) return doubt('cut by a leader change');
          if (fault === 'acknowledgement-lost') return doubt('acknowledgement lost');
          this.#later(() => resolve(offset));
        });
        if (fault === 'leader-change') this.changeLeader(target);
      });
    });
  }

  async publish(topic: string, messages: readonly (OutgoingMessage & { readonly partition: number })[]): Promise<void> {
    for (const message of messages) await this.append({ topic, partition: message.partition }, message);
  }

  follow(
    source: TopicPartition,
    from: number,
    onBatch: (batch: MessageBatch) => void | Promise<void>,
    onError: (error: Error) => void,
  ): LogReader {
    const partition = this.#partition(source);
    const follower = new Follower(partition, from, (run) => this.#later(run), onBatch, onError);
    partition.followers.add(follower);
    follower.poke();
    return follower;
  }

  read(source: TopicPartition, from: number, to: number): Promise<LogMessage[]> {
    return this.#answer(() => {
      const { messages, low, high } = this.#partition(source);
      if (from < low || to > high) throw new Error(`offsets ${from} to ${to} are not in ${low} to ${high}`);
      return messages.slice(from, to);
    });
  }

  bounds(source: TopicPartition): Promise<{ readonly low: number; readonly high: number }> {
    return this.#answer(() => {
      const { low, high } = this.#partition(source);
      return { low, high };
    });
  }

  /** What stands in a partition below its high watermark: for those who judge a run from outside. */
  messagesOf(source: TopicPartition): readonly LogMessage[] {
    const { messages, high } = this.#partition(source);
    return messages.slice(0, high);
  }

  /** Puts a message at the end, replicated and with the time that it had, as a recorded history has it. */
  place(target: TopicPartition, { timestampMs, key, headers, value }: Omit<LogMessage, 'offset'>): void {
    const partition = this.#partition(target);
    partition.messages.push({ offset: partition.messages.length, timestampMs, key, headers, value });
    partition.high = partition.messages.length;
    for (const follower of partition.followers) follower.poke();
  }

  /** A new leader that has only what was replicated: the rest is gone, whoever wrote it. */
  changeLeader(source: TopicPartition): void {
    const partition = this.#partition(source);
    if (!this.#acknowledgesEarly) partition.replicated = partition.high;
    partition.messages.length = Math.min(partition.messages.length, partition.replicated);
    partition.high = partition.messages.length;
    cutOff(partition);
  }

  /** Somebody deleted the topic and made it again. Followers read on, as a client that knows no topic ids does. */
  recreate(source: TopicPartition): void {
    const partition = this.#partition(source);
    cutOff(partition);
    partition.messages = [];
    partition.low = 0;
    partition.high = 0;
  }

  /** Retention removes everything before `low`. */
  trim(source: TopicPartition, low: number): void {
    this.#partition(source).low = low;
  }

  #land(target: TopicPartition, { key, headers, value }: OutgoingMessage, settle: (offset?: number) => void): void {
    const partition = this.#partition(target);
    const offset = partition.messages.length;
    const message: LogMessage = {
      offset,
      timestampMs: this.#clock.nowMs(),
      key: key === undefined ? null : Buffer.from(key),
      headers: headers ?? {},
      value,
    };
    partition.messages.push(message);
    if (this.#acknowledgesEarly) {
      settle(offset);
      partition.high = partition.messages.length;
      for (const follower of partition.followers) follower.poke();
      this.#later(() => (partition.replicated = Math.max(partition.replicated, offset + 1)));
      return;
    }
    partition.waiting.set(offset, (replicated) => settle(replicated ? offset : undefined));
    this.#later(() => this.#replicate(partition, message));
  }

  #replicate(partition: Partition, message: LogMessage): void {
    if (partition.messages[message.offset] !== message) return;
    for (; partition.high <= message.offset; partition.high += 1) {
      const settle = partition.waiting.get(partition.high);
      partition.waiting.delete(partition.high);
      settle?.(true);
    }
    for (const follower of partition.followers) follower.poke();
  }

  #drawFault(): 'none' | 'lost' | 'late' | 'acknowledgement-lost' | 'doubled' | 'leader-change' {
    if (this.#random === undefined) return 'none';
    const { lost, late, acknowledgementLost, doubled, leaderChange } = this.faults;
    let drawn = this.#random.fraction();
    if ((drawn -= lost) < 0) return 'lost';
    if ((drawn -= late) < 0) return 'late';
    if ((drawn -= acknowledgementLost) < 0) return 'acknowledgement-lost';
    if ((drawn -= doubled) < 0) return 'doubled';
    return drawn - leaderChange < 0 ? 'leader-change' : 'none';
  }

  #answer<Value>(ask: () => Value): Promise<Value> {
    return new Promise((resolve, reject) =>
      this.#later(() => {
        if (this.#random?.chance(this.faults.readFails) === true)
          return reject(new Error('the broker does not answer'));
        try {
          resolve(ask());
        } catch (error) {
          reject(error as Error);
        }
      }),
    );
  }

  #later(run: () => void): void {
    this.#clock.after(this.#latency(this.faults.latencyMsMax), run);
  }

  #latency(msMax: number): number {
    return this.#random === undefined || msMax === 0 ? 0 : this.#random.below(msMax + 1);
  }

  #partition({ topic, partition }: TopicPartition): Partition {
    const name = `${topic}/${partition}`;
    let found = this.#partitions.get(name);
    if (found === undefined) {
      found = { messages: [], low: 0, high: 0, replicated: 0, followers: new Set(), waiting: new Map() };
      this.#partitions.set(name, found);
    }
    return found;
  }
}

function cutOff({ waiting }: Partition): void {
  const settles = [...waiting.values()];
  waiting.clear();
  for (const settle of settles) settle(false);
}

class Follower implements LogReader {
  readonly #partition: Partition;
  readonly #later: (run: () => void) => void;
  readonly #onBatch: (batch: MessageBatch) => void | Promise<void>;
  readonly #onError: (error: Error) => void;
  #next: number;
  #fetching = false;
  #stopped = false;
  #idle: (() => void)[] = [];

  constructor(
    partition: Partition,
    from: number,
    later: (run: () => void) => void,
    onBatch: (batch: MessageBatch) => void | Promise<void>,
    onError: (error: Error) => void,
  ) {
    this.#partition = partition;
    this.#next = from;
    this.#later = later;
    this.#onBatch = onBatch;
    this.#onError = onError;
  }

  poke(): void {
    if (this.#stopped || this.#fetching) return;
    if (this.#next >= this.#partition.low && this.#next >= this.#partition.high) return;
    this.#fetching = true;
    this.#later(() => void this.#fetch());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#partition.followers.delete(this);
    if (this.#fetching) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  async #fetch(): Promise<void> {
    try {
      if (!this.#stopped) await this.#deliver();
    } catch (error) {
      this.#stopped = true;
      this.#partition.followers.delete(this);
      this.#onError(error as Error);
    } finally {
      this.#fetching = false;
      for (const resolve of this.#idle.splice(0)) resolve();
      this.poke();
    }
  }

  async #deliver(): Promise<void> {
    const { messages, low, high } = this.#partition;
    if (this.#next < low) throw new Error(`offset ${this.#next} out of range: the log begins at ${low}`);
    const batch = messages.slice(this.#next, Math.min(high, this.#next + BATCH_MESSAGES_MAX));
    if (batch.length === 0) return;
    this.#next += batch.length;
    await this.#onBatch({ messages: batch, highWatermark: high });
  }
}
