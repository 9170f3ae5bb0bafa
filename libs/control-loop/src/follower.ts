import { journalTopic, type JournalPosition, type JournalRecord } from '@orrery/contracts';
import { assert, type DomainEvent } from '@orrery/kernel';
import { findRegistration, loadPatiently, type BootOptions } from './boot.js';
import { foldedBy, isDeliverable, type FoldedSeqs } from './inputs/causal.js';
import { Room } from './inputs/room.js';
import { JournalStopped, journalProtocol, type VoidReason } from './journal/judge.js';
import { acceptedPosition, startOf } from './journal/position.js';
import { JournalReader, type ReadMessage } from './journal/reader.js';
import type { Clock } from './ports/clock.js';
import type { JournalRegistration, JournalRegistry } from './ports/journal-registry.js';
import type { Log } from './ports/log.js';
import type { SnapshotStore } from './ports/snapshot-store.js';
import type { JournalAddress } from './shard/hosting.js';
import { journalKey } from './state/loop-state.js';
import { ShardFold, type Folding } from './state/shard-fold.js';

export interface FollowerPorts {
  readonly log: Log;
  readonly snapshots: SnapshotStore;
  readonly registry: JournalRegistry;
  readonly clock: Clock;
}

/** A journal to follow; without `folding` its records are handed over and no state is kept. */
export interface FollowedSource<State extends object = object> extends JournalAddress {
  readonly folding?: Folding<State, never>;
}

/** An accepted record, in causal order over all sources of a follower. */
export interface FollowedRecord<Source extends FollowedSource = FollowedSource> {
  readonly source: Source;
  readonly record: JournalRecord;
  /** Right after the record: hand these back as `start` to go on from here. */
  readonly position: JournalPosition;
  /** The domain's state and the loop's right after the record, where the source has a `folding`. */
  readonly fold: ShardFold<object, DomainEvent> | undefined;
}

export interface FollowerOptions<Source extends FollowedSource> {
  readonly sources: readonly Source[];
  /**
   * `snapshot`: the newest snapshot of each journal, so that only what comes after it is handed over. `zero`: everything.
   * `positions`: behind these; journals that are not named begin at zero. A source with a `folding` and a position loads the
   * newest snapshot that is not behind it and folds up to it in silence.
   */
  readonly start: FollowerStart;
  /** Awaited before the next record is handed over. */
  onCommit(followed: FollowedRecord<Source>): void | Promise<void>;
  onVoid?(source: Source, reason: VoidReason, offset: number): void;
  /** The log can't be read at the moment; reading goes on by itself. */
  onTrouble?(source: Source, error: Error): void;
  /** Damage, or `onCommit` threw: nothing more will be handed over. */
  onStopped(error: Error): void;
}

export type FollowerStart =
  | { readonly from: 'snapshot' }
  | { readonly from: 'zero' }
  | { readonly from: 'positions'; readonly positions: Positions };

/** `<domain>/<cell>` -> position. */
export type Positions = Readonly<Record<string, JournalPosition>>;

export interface JournalFollower<Source extends FollowedSource> {
  /** Resolves once every source is being read; rejects when one can't be (not registered, damaged, gone). */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** Resolves once everything was handed over that was in the logs when asked; rejects when the follower stopped. */
  caughtUp(): Promise<void>;
  /** The state of a source as it was handed over last. */
  foldOf(source: Source): ShardFold<object, DomainEvent>;
  /** How far each source was handed over. */
  positions(): Positions;
}

/**
 * Reads several journals as one story: each judged by the accept rules, folded by its domain's own `evolve`, and handed over
 * only after everything that it had folded of the others (causal order). For the gateway, the historian and audits.
 */
export function followJournals<Source extends FollowedSource>(
  options: FollowerOptions<Source>,
  ports: FollowerPorts,
): JournalFollower<Source> {
  return new Follower(options, ports);
}

const TURN_MS_MAX = 20;

class Follower<Source extends FollowedSource> implements JournalFollower<Source> {
  readonly #options: FollowerOptions<Source>;
  readonly #ports: FollowerPorts;
  readonly #sources: readonly SourceReader<Source>[];
  #handing = false;
  #again = false;
  #stopped = false;
  #error: Error | undefined;
  #turnBeganMs = 0;
  readonly #waiting = new Set<() => void>();

  constructor(options: FollowerOptions<Source>, ports: FollowerPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#sources = options.sources.map((source) => new SourceReader(source, options, ports, this));
    const keys = new Set(this.#sources.map(({ key }) => key));
    assert(keys.size === this.#sources.length, 'a journal can be followed once', { sources: [...keys] });
  }

  async start(): Promise<void> {
    try {
      await Promise.all(this.#sources.map((source) => source.start()));
      this.wake();
    } catch (error) {
      this.fail(error as Error);
    }
    if (this.#error !== undefined) throw this.#error;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#wakeWaiting();
    await Promise.all(this.#sources.map((source) => source.stop()));
  }

  async caughtUp(): Promise<void> {
    for (const source of this.#stopped ? [] : this.#sources) {
      const seq = await source.lastSeq();
      while (!this.#stopped && source.position.seq < seq) {
        await new Promise<void>((resolve) => this.#waiting.add(resolve));
      }
    }
    if (this.#error !== undefined) throw this.#error;
  }

  foldOf(source: Source): ShardFold<object, DomainEvent> {
    const fold = this.#sources.find((reader) => reader.source === source)?.fold;
    assert(fold !== undefined, 'this source is not followed with a fold', { domain: source.domain, cell: source.cell });
    return fold;
  }

  positions(): Positions {
    return Object.fromEntries(this.#sources.map(({ key, position }) => [key, acceptedPosition(position)]));
  }

  /** Something was read: hands over whatever may be, in order, one at a time. */
  wake(): void {
    this.#again = true;
    if (!this.#handing) void this.#handOver();
  }

  fail(error: Error): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#error = error;
    this.#wakeWaiting();
    this.#options.onStopped(error);
    for (const source of this.#sources) void source.stop();
  }

  async #handOver(): Promise<void> {
    this.#handing = true;
    this.#turnBeganMs = this.#ports.clock.nowMs();
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        for (const source of this.#sources) {
          while (!this.#stopped && (await source.handOverNext(this.#handedSeq))) {
            this.#again = true;
            await this.#breathe();
          }
        }
        this.#wakeWaiting();
      }
    } catch (error) {
      this.fail(error as Error);
    } finally {
      this.#handing = false;
    }
  }

  /** Lets the event loop turn when this has been going on for long. */
  async #breathe(): Promise<void> {
    const { clock } = this.#ports;
    if (clock.nowMs() - this.#turnBeganMs < TURN_MS_MAX) return;
    await new Promise<void>((resolve) => clock.after(0, resolve));
    this.#turnBeganMs = clock.nowMs();
  }

  /** A source that has not begun yet has handed over nothing: who needs something of it waits. */
  readonly #handedSeq = (journal: string): number | undefined => {
    const source = this.#sources.find(({ key }) => key === journal);
    return source === undefined ? undefined : (source.position?.seq ?? -1);
  };

  #wakeWaiting(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }
}

interface Waiting {
  readonly record: JournalRecord;
  readonly position: JournalPosition;
  readonly folded: FoldedSeqs;
  readonly bytes: number;
}

const RECORDS_MAX = 500;
const BYTES_MAX = 32 * 1024 * 1024;

class SourceReader<Source extends FollowedSource> {
  readonly source: Source;
  readonly key: string;
  readonly fold: ShardFold<object, DomainEvent> | undefined;
  position!: JournalPosition;
  readonly #options: FollowerOptions<Source>;
  readonly #ports: FollowerPorts;
  readonly #follower: { wake(): void; fail(error: Error): void };
  readonly #room = new Room(RECORDS_MAX, BYTES_MAX);
  #queue: Waiting[] = [];
  #reader: JournalReader | undefined;
  /** Records up to here are folded, but were handed over in an earlier life. */
  #silentUpTo = -1;
  #stopped = false;

  constructor(
    source: Source,
    options: FollowerOptions<Source>,
    ports: FollowerPorts,
    follower: { wake(): void; fail(error: Error): void },
  ) {
    this.source = source;
    this.key = journalKey(source.domain, source.cell);
    this.fold =
      source.folding === undefined ? undefined : new ShardFold(source.folding as Folding<object, DomainEvent>);
    this.#options = options;
    this.#ports = ports;
    this.#follower = follower;
  }

  async start(): Promise<void> {
    const boot = this.#bootOptions();
    const registration = await findRegistration(this.#ports.registry, this.source, boot);
    const { fold } = this;
    this.position = await this.#startPosition(registration, boot);
    if (this.#stopped) return;
    this.#reader = new JournalReader({
      log: this.#ports.log,
      clock: this.#ports.clock,
      source: { topic: journalTopic(this.source.domain), partition: this.source.cell },
      protocol: journalProtocol,
      rules: { ...registration, ...(fold === undefined ? {} : { foldVersion: fold.foldVersion }) },
      position: this.position,
      onAccepted: (record, position, message) => this.#onAccepted(record, position, message),
      onVoid: (reason, offset) => this.#options.onVoid?.(this.source, reason, offset),
      onTrouble: (error) => this.#options.onTrouble?.(this.source, error),
      onStopped: (error) => this.#follower.fail(error),
      onTurn: () => undefined,
    });
    await this.#reader.start();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#room.open();
    await this.#reader?.stop();
  }

  /** The last seq that is in the log now. */
  async lastSeq(): Promise<number> {
    await this.#reader?.caughtUp();
    return this.#queue.at(-1)?.record.seq ?? this.position.seq;
  }

  /** Folds and hands over the next record, unless there is none or it has to wait for another journal. */
  async handOverNext(handedSeq: (journal: string) => number | undefined): Promise<boolean> {
    const next = this.#queue[0];
    if (next === undefined || !isDeliverable(next.folded, handedSeq)) return false;
    const { record, position, bytes } = next;
    this.#checkInputs(record);
    this.fold?.fold(record, position);
    if (record.seq > this.#silentUpTo) {
      await this.#options.onCommit({ source: this.source, record, position, fold: this.fold });
    }
    this.position = position;
    this.#queue.shift();
    this.#room.leave(bytes);
    return true;
  }

  #onAccepted(record: JournalRecord, position: JournalPosition, message: ReadMessage): void | Promise<void> {
    const bytes = 500 + (message.value?.length ?? 0);
    this.#queue.push({ record, position, folded: foldedBy(record), bytes });
    this.#room.enter(bytes);
    this.#follower.wake();
    return this.#room.free();
  }

  /** R3 needs the state before the record, which stands only here: a queue lies between reading and folding. */
  #checkInputs(record: JournalRecord): void {
    if (record.kind !== 'Commit' || this.fold === undefined) return;
    const fault = this.fold.loop.inputsFault(record.inputs);
    if (fault !== undefined) throw new JournalStopped('fork', `${this.key} seq ${record.seq}: ${fault}`);
  }

  async #startPosition({ journalId }: JournalRegistration, boot: BootOptions): Promise<JournalPosition> {
    const { start } = this.#options;
    const zero = startOf(journalId);
    if (start.from === 'zero') return zero;
    const given = start.from === 'positions' ? start.positions[this.key] : undefined;
    if (start.from === 'positions' && given === undefined) return zero;
    if (given !== undefined && given.journalId !== journalId) {
      throw new JournalStopped(
        'anchor-lost',
        `${this.key} is journal ${journalId}, the position is of ${given.journalId}`,
      );
    }
    if (this.fold === undefined) return given ?? zero;
    this.#silentUpTo = given?.seq ?? -1;
    const load = {
      store: this.#ports.snapshots,
      shard: this.source,
      journalId,
      ...(given === undefined ? {} : { seqMax: given.seq }),
      onDamaged: (message: string) => boot.onTrouble(new Error(message)),
    };
    return (await loadPatiently(this.fold, load, boot)) ?? zero;
  }

  #bootOptions(): BootOptions {
    return {
      clock: this.#ports.clock,
      onTrouble: (error) => this.#options.onTrouble?.(this.source, error),
      isOver: () => this.#stopped,
    };
  }
}
