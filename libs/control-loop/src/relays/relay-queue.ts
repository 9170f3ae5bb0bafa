import type { Clock } from '../ports/clock.js';
import type { Log, OutgoingMessage } from '../ports/log.js';
import type { Relayed, RelayedCopy } from './loop-relays.js';

export interface RelayQueueOptions {
  readonly log: Log;
  readonly clock: Clock;
  /** More was published, or nothing is left to be. */
  onProgress(): void;
  onTrouble(error: Error): void;
  /** A message to be copied is no longer in its topic. */
  onLost(message: string): void;
}

interface CommitRelays {
  readonly seq: number;
  readonly messages: readonly Relayed[];
  readonly bytes: number;
}

const COMMITS_MAX = 1_000;
const BYTES_MAX = 16 * 1024 * 1024;
const BATCH_MESSAGES_MAX = 1_000;
const BATCH_BYTES_MAX = 2 * 1024 * 1024;
const BACK_OFF_MS_MIN = 100;
const BACK_OFF_MS_MAX = 5_000;

/**
 * What accepted commits tell the outside, in order, at least once. A standby keeps what the owner may not have published
 * yet (commits say how far it was), and publishes it when it takes over.
 */
export class RelayQueue {
  readonly #options: RelayQueueOptions;
  #waiting: CommitRelays[] = [];
  #bytes = 0;
  #lastSeq = -1;
  #publishing = false;
  #running = false;
  #backOffMs = BACK_OFF_MS_MIN;

  constructor(options: RelayQueueOptions) {
    this.#options = options;
  }

  /** Everything up to this seq (inclusive) was published or had nothing to publish. */
  get relayedSeq(): number {
    return this.#waiting.length === 0 ? this.#lastSeq : this.#waiting[0]!.seq - 1;
  }

  /** So much waits that no further commit should be made. */
  get full(): boolean {
    return this.#waiting.length >= COMMITS_MAX || this.#bytes >= BYTES_MAX;
  }

  /** After a snapshot: it was only taken once everything up to it had been published. */
  startAt(seq: number): void {
    this.#lastSeq = seq;
  }

  add(seq: number, messages: readonly Relayed[]): void {
    this.#lastSeq = seq;
    if (messages.length === 0) return;
    const bytes = messages.reduce((sum, message) => sum + bytesOf(message), 0);
    this.#waiting.push({ seq, messages, bytes });
    this.#bytes += bytes;
    void this.#publish();
  }

  /** A commit says that the owner had published everything up to `seq`. */
  confirm(seq: number): void {
    if (this.#publishing) return;
    while (this.#waiting.length > 0 && this.#waiting[0]!.seq <= seq) this.#drop(1);
  }

  run(running: boolean): void {
    this.#running = running;
    void this.#publish();
  }

  async #publish(): Promise<void> {
    if (this.#publishing) return;
    this.#publishing = true;
    while (this.#running && this.#waiting.length > 0) {
      const batch = this.#nextBatch();
      try {
        await this.#publishBatch(batch);
        this.#backOffMs = BACK_OFF_MS_MIN;
        this.#drop(batch.length);
        this.#options.onProgress();
      } catch (error) {
        this.#options.onTrouble(error as Error);
        await new Promise<void>((resolve) => this.#options.clock.after(this.#backOffMs, resolve));
        this.#backOffMs = Math.min(this.#backOffMs * 2, BACK_OFF_MS_MAX);
      }
    }
    this.#publishing = false;
  }

  #nextBatch(): CommitRelays[] {
    let messages = 0;
    let bytes = 0;
    let commits = 0;
    for (const waiting of this.#waiting) {
      messages += waiting.messages.length;
      bytes += waiting.bytes;
      if (commits > 0 && (messages > BATCH_MESSAGES_MAX || bytes > BATCH_BYTES_MAX)) break;
      commits += 1;
    }
    return this.#waiting.slice(0, commits);
  }

  /** One send a topic, in the order of the commits; partitions of one topic keep their order. */
  async #publishBatch(batch: readonly CommitRelays[]): Promise<void> {
    const byTopic = new Map<string, (OutgoingMessage & { readonly partition: number })[]>();
    for (const relayed of batch.flatMap(({ messages }) => messages)) {
      const message = 'copyOf' in relayed ? await this.#copy(relayed) : relayed;
      if (message === undefined) continue;
      const messages = byTopic.get(relayed.topic);
      if (messages === undefined) byTopic.set(relayed.topic, [message]);
      else messages.push(message);
    }
    for (const [topic, messages] of byTopic) {
      for (const chunk of chunksOf(messages)) await this.#options.log.publish(topic, chunk);
    }
  }

  async #copy({ copyOf, partition, key, headers }: RelayedCopy) {
    const { log } = this.#options;
    const { low } = await log.bounds(copyOf);
    if (copyOf.offset < low) {
      this.#options.onLost(`${copyOf.topic}-${copyOf.partition}-${copyOf.offset} is gone, it can't be copied`);
      return undefined;
    }
    const [original] = await log.read(copyOf, copyOf.offset, copyOf.offset + 1);
    const copiedKey = key ?? original!.key;
    return {
      partition,
      ...(copiedKey === null ? {} : { key: copiedKey }),
      headers: { ...original!.headers, ...headers },
      value: original!.value ?? new Uint8Array(),
    };
  }

  #drop(commits: number): void {
    for (const { bytes } of this.#waiting.splice(0, commits)) this.#bytes -= bytes;
  }
}

/** A client counts everything it sends to one partition against the largest message of the topic. */
function* chunksOf<Message extends { readonly value: Uint8Array }>(messages: readonly Message[]): Iterable<Message[]> {
  let chunk: Message[] = [];
  let bytes = 0;
  for (const message of messages) {
    if (chunk.length > 0 && bytes + message.value.length > BATCH_BYTES_MAX) {
      yield chunk;
      chunk = [];
      bytes = 0;
    }
    chunk.push(message);
    bytes += message.value.length;
  }
  if (chunk.length > 0) yield chunk;
}

function bytesOf(message: Relayed): number {
  return 200 + ('copyOf' in message ? 0 : message.value.length);
}
