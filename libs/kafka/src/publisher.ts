import type { OutgoingMessage, TopicPartition } from '@orrery/control-loop';
import { Backoff, pause } from './backoff.js';
import { errorName, isRefusal, LogRefusal } from './broker-errors.js';
import { BrokerAway, type ClusterSession } from './cluster-session.js';
import { produceExchange, type ProducedPartition } from './exchanges.js';
import { encodeBatch, messageBytes } from './record-batch.js';

/** A batch of one partition counts against max.message.bytes; larger messages go alone. */
const BATCH_BYTES = 512 * 1024;
const BATCH_MESSAGES = 4_000;
const REQUEST_BYTES = 4 * 1024 * 1024;
/** Bytes taken from callers and not yet acknowledged; further callers wait. */
const PENDING_BYTES = 32 * 1024 * 1024;
const GIVE_UP_MS = 15_000;
const ACK_TIMEOUT_MS = 5_000;

/**
 * Publishes at least once, in order a partition: each broker is sent one request at a time with at most one batch a
 * partition, and what comes meanwhile goes into the next. When a batch can't be delivered, all that is queued behind it in its
 * partition fails with it, so whoever sends again keeps the order.
 */
export class Publisher {
  readonly #session: ClusterSession;
  readonly #closing: AbortSignal;
  readonly #note: (message: string, error: unknown) => void;
  readonly #queues = new Map<string, Queue>();
  readonly #sending = new Set<number>();
  readonly #waiting: { readonly bytes: number; readonly resolve: () => void }[] = [];
  #pendingBytes = 0;

  constructor(session: ClusterSession, closing: AbortSignal, note: (message: string, error: unknown) => void) {
    this.#session = session;
    this.#closing = closing;
    this.#note = note;
  }

  /** Resolves once every message is acknowledged by all in-sync replicas. */
  async publish(topic: string, messages: readonly PartitionedMessage[]): Promise<void> {
    const byPartition = new Map<number, PartitionedMessage[]>();
    for (const message of messages) {
      const own = byPartition.get(message.partition);
      if (own === undefined) byPartition.set(message.partition, [message]);
      else own.push(message);
    }
    await Promise.all([...byPartition].map(([partition, own]) => this.#publishTo({ topic, partition }, own)));
  }

  async #publishTo(target: TopicPartition, messages: readonly OutgoingMessage[]): Promise<void> {
    const queue = this.#queue(target);
    const settled: Promise<void>[] = [];
    for (const chunk of chunks(messages)) {
      await this.#room(chunk.bytes);
      if (this.#closing.aborted) throw new BrokerAway('the publisher is closed');
      const done = new Promise<void>((resolve, reject) => {
        queue.entries.push({ ...chunk, since: Date.now(), resolve, reject });
      });
      done.catch(() => undefined);
      settled.push(done);
      this.#kick(queue);
    }
    await Promise.all(settled);
  }

  /** First come, first served: a caller that arrives later must not overtake one that waits for room. */
  async #room(bytes: number): Promise<void> {
    if (this.#pendingBytes >= PENDING_BYTES || this.#waiting.length > 0) {
      await new Promise<void>((resolve) => this.#waiting.push({ bytes, resolve }));
    } else {
      this.#pendingBytes += bytes;
    }
  }

  #queue(target: TopicPartition): Queue {
    const name = `${target.topic}-${target.partition}`;
    let queue = this.#queues.get(name);
    if (queue === undefined) {
      queue = { target, entries: [], leader: undefined, locating: false, backoff: new Backoff(this.#closing) };
      this.#queues.set(name, queue);
    }
    return queue;
  }

  #kick(queue: Queue): void {
    if (queue.leader !== undefined) void this.#sendTo(queue.leader);
    else if (!queue.locating) void this.#locate(queue);
  }

  async #locate(queue: Queue): Promise<void> {
    queue.locating = true;
    while (queue.leader === undefined && queue.entries.length > 0) {
      try {
        queue.leader = await this.#session.leaderOf(queue.target);
      } catch (error) {
        await this.#retryOrFail(queue, error);
      }
    }
    queue.locating = false;
    if (queue.leader !== undefined) void this.#sendTo(queue.leader);
  }

  async #sendTo(nodeId: number): Promise<void> {
    if (this.#sending.has(nodeId)) return;
    this.#sending.add(nodeId);
    for (;;) {
      const parts = this.#nextParts(nodeId);
      if (parts.length === 0) break;
      const throttleMs = await this.#request(nodeId, parts);
      // The broker reads nothing from us for so long: a request sent meanwhile would only run out of its time.
      if (throttleMs > 0) await pause(throttleMs, this.#closing);
    }
    this.#sending.delete(nodeId);
  }

  /** At most one batch a partition; the queue that was served first goes to the back. */
  #nextParts(nodeId: number): Part[] {
    const parts: Part[] = [];
    let bytes = 0;
    for (const [name, queue] of [...this.#queues]) {
      if (queue.leader !== nodeId || queue.entries.length === 0) continue;
      if (bytes >= REQUEST_BYTES) break;
      const part = { queue, entries: headEntries(queue.entries) };
      bytes += part.entries.reduce((sum, entry) => sum + entry.bytes, 0);
      parts.push(part);
      this.#queues.delete(name);
      this.#queues.set(name, queue);
    }
    return parts;
  }

  /** For how long the broker wants nothing more, if it is above a quota. */
  async #request(nodeId: number, parts: readonly Part[]): Promise<number> {
    const now = Date.now();
    const batches = parts.map(({ queue, entries }) => ({
      ...queue.target,
      batch: encodeBatch(entries.length === 1 ? entries[0]!.messages : entries.flatMap((entry) => entry.messages), now),
    }));
    try {
      const { partitions, throttleMs } = await this.#session.send(nodeId, 0, produceExchange(batches, ACK_TIMEOUT_MS));
      for (const part of parts) this.#settle(part, partitions);
      return throttleMs;
    } catch (error) {
      for (const { queue } of parts) this.#moved(queue, error);
      return 0;
    }
  }

  #settle({ queue, entries }: Part, answers: readonly ProducedPartition[]): void {
    const { topic, partition } = queue.target;
    const answer = answers.find((candidate) => candidate.topic === topic && candidate.partition === partition);
    const code = answer?.errorCode ?? -1;
    if (code !== 0 && !isRefusal(code)) return this.#moved(queue, new BrokerAway(errorName(code)));
    if (code !== 0) return this.#fail(queue, new LogRefusal(`${topic}-${partition}`, code));
    queue.entries.splice(0, entries.length);
    queue.backoff.succeeded();
    for (const entry of entries) entry.resolve();
    this.#release(entries);
  }

  #moved(queue: Queue, error: unknown): void {
    this.#session.forget(queue.target);
    queue.leader = undefined;
    queue.locating = true;
    void this.#retryOrFail(queue, error).then(() => this.#locate(queue));
  }

  async #retryOrFail(queue: Queue, error: unknown): Promise<void> {
    this.#note(`publishing to ${queue.target.topic}-${queue.target.partition} failed`, error);
    const oldest = queue.entries[0]?.since ?? 0;
    if (!this.#closing.aborted && Date.now() - oldest < GIVE_UP_MS) return queue.backoff.wait();
    this.#fail(queue, error instanceof Error ? error : new BrokerAway(String(error)));
  }

  #fail(queue: Queue, error: Error): void {
    const failed = queue.entries.splice(0);
    for (const entry of failed) entry.reject(error);
    this.#release(failed);
  }

  #release(entries: readonly Entry[]): void {
    for (const { bytes } of entries) this.#pendingBytes -= bytes;
    while (this.#waiting.length > 0 && this.#pendingBytes < PENDING_BYTES) {
      const next = this.#waiting.shift()!;
      this.#pendingBytes += next.bytes;
      next.resolve();
    }
  }
}

type PartitionedMessage = OutgoingMessage & { readonly partition: number };

interface Chunk {
  readonly messages: readonly OutgoingMessage[];
  readonly bytes: number;
}

interface Entry extends Chunk {
  readonly since: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

interface Queue {
  readonly target: TopicPartition;
  readonly entries: Entry[];
  leader: number | undefined;
  locating: boolean;
  readonly backoff: Backoff;
}

interface Part {
  readonly queue: Queue;
  readonly entries: readonly Entry[];
}

function chunks(messages: readonly OutgoingMessage[]): Chunk[] {
  const result: Chunk[] = [];
  let from = 0;
  let bytes = 0;
  for (const [index, message] of messages.entries()) {
    const own = messageBytes(message);
    if (index > from && (bytes + own > BATCH_BYTES || index - from >= BATCH_MESSAGES)) {
      result.push({ messages: messages.slice(from, index), bytes });
      from = index;
      bytes = 0;
    }
    bytes += own;
  }
  if (from < messages.length) result.push({ messages: from === 0 ? messages : messages.slice(from), bytes });
  return result;
}

function headEntries(entries: readonly Entry[]): Entry[] {
  let bytes = 0;
  let count = 0;
  let taken = 0;
  while (taken < entries.length) {
    const { bytes: own, messages } = entries[taken]!;
    if (taken > 0 && (bytes + own > BATCH_BYTES || count + messages.length > BATCH_MESSAGES)) break;
    bytes += own;
    count += messages.length;
    taken += 1;
  }
  return entries.slice(0, taken);
}
