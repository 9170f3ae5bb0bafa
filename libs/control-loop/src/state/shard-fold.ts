import { createHash } from 'node:crypto';
import {
  journalTopic,
  type CommitRecord,
  type DomainName,
  type JournalPosition,
  type JournalRecord,
  type RecordedEvent,
} from '@orrery/contracts';
import {
  assert,
  partsOf,
  slicesOf,
  UndoLog,
  type Decider,
  type DomainEvent,
  type DomainState,
  type EpochMs,
  type StatePart,
} from '@orrery/kernel';
import { JournalStopped } from '../journal/judge.js';
import { encodePosition } from '../journal/position.js';
import { LoopState } from './loop-state.js';

/** What folding needs of a decider. */
export type Folding<State extends object, Event extends DomainEvent> = Pick<
  Decider<never, State, Event>,
  'name' | 'foldVersion' | 'initialState' | 'evolve'
>;

/**
 * The state of one shard: the domain's parts and the loop's, changed by folding records and in no other way, by an owner, a
 * standby, a follower and an audit alike.
 */
export class ShardFold<State extends object, Event extends DomainEvent> {
  readonly domain: State;
  readonly loop: LoopState;
  /** In the order of their names: that of snapshots and digests. */
  readonly parts: readonly StatePart[];
  readonly undo = new UndoLog();
  readonly #folding: Folding<State, Event>;
  /** Fold version of the owner whose term it is. */
  #writtenBy: number | undefined;

  constructor(folding: Folding<State, Event>, commandsMax?: number) {
    this.#folding = folding;
    this.domain = folding.initialState();
    this.loop = new LoopState(commandsMax);
    this.parts = partsOf({ ...prefixed('domain', this.domain as DomainState), ...prefixed('loop', this.loop.parts) });
    assert(new Set(this.parts.map((part) => part.name)).size === this.parts.length, 'two parts of one name', {
      parts: this.parts.map((part) => part.name),
    });
  }

  get foldVersion(): number {
    return this.#folding.foldVersion;
  }

  /** Folds a whole accepted record. One that an older format wrote, and that means nothing to this one, stops the reader. */
  fold(record: JournalRecord, { lastOffset: offset }: Pick<JournalPosition, 'lastOffset'>): void {
    if (record.kind === 'TermStarted') this.#writtenBy = record.foldVersion;
    if (record.kind !== 'Commit') return;
    for (const event of record.events) {
      try {
        this.evolve(event, record);
      } catch (error) {
        // What this very version wrote and can't read is a bug.
        if (this.#writtenBy === this.foldVersion) throw error;
        throw this.#unreadable(event, record.seq, offset, error as Error);
      }
    }
    this.loop.finish(record);
  }

  #unreadable({ type, version }: RecordedEvent, seq: number, offset: number, cause: Error): JournalStopped {
    const { name, foldVersion } = this.#folding;
    const writer = this.#writtenBy === undefined ? 'another fold version' : `fold version ${this.#writtenBy}`;
    const what = `event ${type} version ${version} at offset ${offset} (seq ${seq}) was written by ${writer}`;
    const wayOut =
      'go on with the release that wrote this journal, or begin with an empty ORRERY_HOME and other topics';
    return new JournalStopped(
      'unreadable-event',
      `${journalTopic(name as DomainName)}: ${what}, and fold version ${foldVersion} can't read it (${cause.message}): ${wayOut}`,
    );
  }

  /** Folds one event of a commit that is being made or read. */
  evolve(event: RecordedEvent, commit: { readonly at: EpochMs; readonly seq: number }): void {
    if (this.loop.evolve(event, commit)) return;
    this.#folding.evolve(this.domain, event as unknown as Event);
  }

  finish(commit: Omit<CommitRecord, 'events'>): void {
    this.loop.finish(commit);
  }

  /** From now on changes can be rolled back (an owner's), or not (a reader's). */
  speculate(on: boolean): void {
    this.undo.forget();
    for (const part of this.parts) part.recordTo(on ? this.undo : undefined);
  }

  rollBack(): void {
    this.undo.rollBackTo(0);
  }

  clear(): void {
    for (const part of this.parts) part.clear();
  }

  /** The digest that a snapshot of this state at this position has. */
  digest(cursor: JournalPosition): string {
    const slices: string[] = [];
    for (const { slice } of slicesOf(Object.fromEntries(this.parts.map((part) => [part.name, part])))) {
      slices.push(createHash('sha256').update(slice).digest('hex'));
    }
    return digestOf(encodePosition(cursor), slices);
  }
}

/** sha256 over a cursor and the digests of all slices in order, hex. */
export function digestOf(cursor: string, slices: readonly string[]): string {
  const hash = createHash('sha256').update(cursor);
  for (const slice of slices) hash.update(slice);
  return hash.digest('hex');
}

function prefixed(prefix: string, parts: DomainState): DomainState {
  return Object.fromEntries(Object.entries(parts).map(([name, part]) => [`${prefix}.${name}`, part]));
}
