import type { LogReader, MessageBatch, TopicPartition } from '@orrery/control-loop';
import { Backoff, pause } from './backoff.js';
import { errorName, isPassing, OFFSET_OUT_OF_RANGE, ReadFailed } from './broker-errors.js';
import type { ClusterSession } from './cluster-session.js';
import { fetchExchange, type FetchedPartition, type FetchWish } from './exchanges.js';
import { FollowedPartition } from './followed-partition.js';

const MIB = 1024 * 1024;

/**
 * Two polls a broker. The live one waits long and covers all partitions whose readers are at the end: quiet partitions cost a
 * few requests a second together. The other one covers whoever is behind or has just come, waits briefly, and reads in big
 * pieces; so a new reader starts at once and a slow or far one delays nobody.
 */
const polls = {
  live: { connectionIndex: 1, maxWaitMs: 250, maxBytes: 16 * MIB, partitionBytes: 2 * MIB },
  catchUp: { connectionIndex: 0, maxWaitMs: 20, maxBytes: 24 * MIB, partitionBytes: 8 * MIB },
} as const;

/** A new leader is known a moment after the old one has gone; asking at once would only give the old one again. */
const RELOCATE_MS = 100;

type PollName = keyof typeof polls;

/** Follows any number of partitions with one set of connections, without a consumer group. See README.md for why. */
export class PartitionFetcher {
  readonly #session: ClusterSession;
  readonly #followed = new Map<FollowedPartition, number | undefined>();
  readonly #polls = new Map<string, { wake: () => void }>();
  readonly #closing = new AbortController();
  readonly #note: (message: string, error: unknown) => void;
  readonly #restMs: number;
  readonly #running = new Set<Promise<void>>();

  constructor(session: ClusterSession, note: (message: string, error: unknown) => void, restMs = 0) {
    this.#session = session;
    this.#note = note;
    this.#restMs = restMs;
  }

  follow(
    source: TopicPartition,
    from: number,
    onBatch: (batch: MessageBatch) => void | Promise<void>,
    onError: (error: Error) => void,
  ): LogReader {
    const followed: FollowedPartition = new FollowedPartition(source, from, {
      onBatch,
      onRoom: () => this.#wakeAll(),
      onError: (error) => {
        this.#followed.delete(followed);
        onError(error);
      },
    });
    this.#followed.set(followed, undefined);
    this.#run(this.#locate(followed));
    return {
      stop: () => {
        this.#followed.delete(followed);
        return followed.stop();
      },
    };
  }

  async close(): Promise<void> {
    this.#closing.abort();
    this.#wakeAll();
    const followed = [...this.#followed.keys()];
    this.#followed.clear();
    await Promise.all(followed.map((partition) => partition.stop()));
    await Promise.all(this.#running);
  }

  /** Asks for the leader until there is one, then leaves the partition to the polls of that broker. */
  async #locate(followed: FollowedPartition, afterMs = 0): Promise<void> {
    const backoff = new Backoff(this.#closing.signal);
    if (afterMs > 0) await pause(afterMs, this.#closing.signal);
    while (this.#followed.has(followed)) {
      try {
        const leader = await this.#session.leaderOf(followed.source);
        if (this.#followed.has(followed)) this.#followed.set(followed, leader);
        return this.#wakePolls(leader);
      } catch (error) {
        this.#note(`no leader for ${place(followed.source)} yet`, error);
        await backoff.wait();
      }
    }
  }

  #wakePolls(nodeId: number): void {
    for (const name of Object.keys(polls) as PollName[]) {
      const running = this.#polls.get(`${nodeId} ${name}`);
      if (running === undefined) this.#run(this.#poll(nodeId, name));
      else running.wake();
    }
  }

  #wakeAll(): void {
    for (const { wake } of this.#polls.values()) wake();
  }

  async #poll(nodeId: number, name: PollName): Promise<void> {
    let wake = (): void => undefined;
    this.#polls.set(`${nodeId} ${name}`, { wake: () => wake() });
    const backoff = new Backoff(this.#closing.signal);
    for (let turn = 0; !this.#closing.signal.aborted; turn++) {
      const woken = new Promise<void>((resolve) => (wake = resolve));
      const wanted = this.#wanted(nodeId, name, turn);
      if (wanted.length === 0) {
        await woken;
        continue;
      }
      try {
        const answers = await this.#fetch(nodeId, name, wanted);
        this.#handOut(wanted, answers);
        backoff.succeeded();
        if (name === 'live' && answers.some(({ records }) => records.length > 0)) await this.#rest();
      } catch (error) {
        this.#note(`fetching from broker ${nodeId} failed`, error);
        this.#moved(wanted);
        await backoff.wait();
      }
    }
  }

  async #rest(): Promise<void> {
    if (this.#restMs > 0) await pause(this.#restMs, this.#closing.signal);
  }

  /** The order turns with every request: what is named first is served first when there is more than fits. */
  #wanted(nodeId: number, name: PollName, turn: number): FollowedPartition[] {
    const wanted: FollowedPartition[] = [];
    for (const [followed, leader] of this.#followed) {
      if (leader !== nodeId || !followed.hasRoom) continue;
      if (name === 'live' && followed.stage === 'handing-over') followed.stage = 'live';
      if ((name === 'live') === (followed.stage === 'live')) wanted.push(followed);
    }
    const first = wanted.length === 0 ? 0 : turn % wanted.length;
    return [...wanted.slice(first), ...wanted.slice(0, first)];
  }

  #fetch(nodeId: number, name: PollName, wanted: readonly FollowedPartition[]): Promise<FetchedPartition[]> {
    const { connectionIndex, maxWaitMs, maxBytes, partitionBytes } = polls[name];
    const wishes = new Map<string, FetchWish>();
    for (const { source, position } of wanted) {
      const known = wishes.get(place(source));
      const offset = Math.min(position, known?.offset ?? position);
      wishes.set(place(source), { ...source, offset, maxBytes: partitionBytes });
    }
    return this.#session.send(nodeId, connectionIndex, fetchExchange([...wishes.values()], { maxWaitMs, maxBytes }));
  }

  #handOut(wanted: readonly FollowedPartition[], answers: readonly FetchedPartition[]): void {
    const answered = new Map(answers.map((answer) => [place(answer), answer]));
    const moved: FollowedPartition[] = [];
    for (const followed of wanted) {
      const answer = answered.get(place(followed.source));
      if (answer === undefined || followed.stopped) continue;
      if (answer.errorCode === 0) followed.take(answer.records, answer.highWatermark);
      else if (isPassing(answer.errorCode)) moved.push(followed);
      else followed.fail(readFailure(followed, answer));
    }
    if (moved.length > 0) this.#moved(moved);
    // Live readers that fell behind, and those that caught up, change polls.
    this.#wakeAll();
  }

  #moved(partitions: readonly FollowedPartition[]): void {
    for (const followed of partitions) {
      if (!this.#followed.has(followed) || this.#followed.get(followed) === undefined) continue;
      this.#session.forget(followed.source);
      this.#followed.set(followed, undefined);
      followed.stage = 'catching-up';
      this.#run(this.#locate(followed, RELOCATE_MS));
    }
  }

  #run(task: Promise<void>): void {
    const running = task.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}

function place({ topic, partition }: TopicPartition): string {
  return `${topic}-${partition}`;
}

function readFailure(followed: FollowedPartition, answer: FetchedPartition): ReadFailed {
  const where = `${place(followed.source)} at offset ${followed.position}`;
  if (answer.errorCode === OFFSET_OUT_OF_RANGE) {
    return new ReadFailed('offset-out-of-range', `${where}: the log does not hold this offset`);
  }
  return new ReadFailed('read-failed', `${where}: ${errorName(answer.errorCode)}`);
}
