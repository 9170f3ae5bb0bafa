import { startOf, type FollowerPorts, type Positions } from '@orrery/control-loop';
import { EventCursor } from '../events/event-cursor.js';
import type { StreamedCommit } from '../events/streamed-commit.js';
import { covers, journalName, type Position } from '../position.js';
import { Problem } from '../problem.js';
import { FollowedJournals, journalsOf } from './followed-journals.js';

const READERS_MAX = 2;
const QUEUE_COMMITS_MAX = 200;
const SLOW_READER_MS = 20_000;

/**
 * Old commits for event streams that begin before the ring: a few readers, each shared by all streams that begin where it
 * is or later. A stream that holds up its reader for too long is ended.
 */
export class CatchUpReaders {
  readonly #readers = new Set<SharedReader>();

  constructor(
    private readonly cells: number,
    private readonly ports: FollowerPorts,
  ) {}

  async *read(from: Position, signal: AbortSignal): AsyncGenerator<readonly StreamedCommit[]> {
    const consumer = new Consumer(signal);
    const shared = [...this.#readers].find((reader) => reader.serves(from));
    shared?.add(consumer);
    const reader = shared ?? (await this.#open(from, consumer));
    try {
      yield* consumer.batches();
    } finally {
      consumer.end();
      if (reader.remove(consumer)) {
        this.#readers.delete(reader);
        await reader.stop();
      }
    }
  }

  async #open(from: Position, first: Consumer): Promise<SharedReader> {
    if (this.#readers.size >= READERS_MAX) {
      throw Problem.of('too-many-streams', `${READERS_MAX} readers of old events are busy`, {
        remedy: 'try again, or begin later',
      });
    }
    const reader = new SharedReader(from, (error) => {
      this.#readers.delete(reader);
      reader.fail(error);
    });
    // It begins to hand over before its start resolves.
    reader.add(first);
    this.#readers.add(reader);
    try {
      await reader.start(this.cells, await this.#positions(from), this.ports);
      return reader;
    } catch (error) {
      this.#readers.delete(reader);
      throw error;
    }
  }

  /** A follower that folds needs of a position only which journal and how far. */
  async #positions(from: Position): Promise<Positions> {
    const positions: Record<string, Positions[string]> = {};
    for (const { domain, cell } of journalsOf(this.cells)) {
      const seq = from.journals.get(journalName(domain, cell)) ?? -1;
      const registration = await this.ports.registry.get(domain, cell);
      if (seq >= 0 && registration !== undefined)
        positions[`${domain}/${cell}`] = { ...startOf(registration.journalId), seq };
    }
    return positions;
  }
}

class SharedReader {
  readonly #consumers = new Set<Consumer>();
  /** How far it has read: a stream that begins there or later can join. */
  readonly #cursor: EventCursor;
  readonly #onStopped: (error: Error) => void;
  #journals: FollowedJournals | undefined;

  constructor(from: Position, onStopped: (error: Error) => void) {
    this.#cursor = new EventCursor(from);
    this.#onStopped = onStopped;
  }

  async start(cells: number, positions: Positions, ports: FollowerPorts): Promise<void> {
    this.#journals = new FollowedJournals(
      {
        cells,
        start: { from: 'positions', positions },
        watched: () => true,
        onCommit: (commit) => this.#onCommit(commit),
        onStopped: this.#onStopped,
      },
      ports,
    );
    await this.#journals.start();
  }

  async stop(): Promise<void> {
    await this.#journals?.stop();
  }

  serves(from: Position): boolean {
    return covers({ ...from, commands: new Map() }, { ...this.#cursor.position, commands: new Map() });
  }

  add(consumer: Consumer): void {
    this.#consumers.add(consumer);
  }

  /** True when nobody is left. */
  remove(consumer: Consumer): boolean {
    this.#consumers.delete(consumer);
    return this.#consumers.size === 0;
  }

  fail(error: Error): void {
    for (const consumer of this.#consumers) consumer.fail(error);
  }

  async #onCommit(commit: StreamedCommit): Promise<void> {
    this.#cursor.skip(commit);
    for (const consumer of this.#consumers) if (!(await consumer.offer(commit))) this.#consumers.delete(consumer);
  }
}

/** What one stream has to take, bounded. */
class Consumer {
  #queue: StreamedCommit[] = [];
  #wakeReader: (() => void) | undefined;
  #wakeWriter: (() => void) | undefined;
  #error: Error | undefined;
  #ended = false;

  constructor(signal: AbortSignal) {
    signal.addEventListener('abort', () => this.end(), { once: true });
  }

  /** False when it takes no more: it left, or was too slow. */
  async offer(commit: StreamedCommit): Promise<boolean> {
    if (this.#ended) return false;
    this.#queue.push(commit);
    this.#wakeReader?.();
    if (this.#queue.length < QUEUE_COMMITS_MAX) return true;
    const inTime = await new Promise<boolean>((done) => {
      const timer = setTimeout(() => done(false), SLOW_READER_MS);
      this.#wakeWriter = () => (clearTimeout(timer), done(true));
    });
    if (!inTime) this.fail(Problem.of('stream-failed', 'the client did not keep up'));
    return inTime && !this.#ended;
  }

  async *batches(): AsyncGenerator<readonly StreamedCommit[]> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error;
      if (this.#ended) return;
      if (this.#queue.length === 0) {
        await new Promise<void>((done) => (this.#wakeReader = done));
        continue;
      }
      const batch = this.#queue;
      this.#queue = [];
      this.#wakeWriter?.();
      yield batch;
    }
  }

  fail(error: Error): void {
    this.#error = error;
    this.end();
  }

  end(): void {
    this.#ended = true;
    this.#wakeReader?.();
    this.#wakeWriter?.();
  }
}
