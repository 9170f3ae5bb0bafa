import {
  journalTopic,
  loopEventTypes,
  type CommitRecord,
  type JournalPosition,
  type JournalRecord,
  type RecordedEvent,
} from '@orrery/contracts';
import type { JournalProtocol } from '../journal/judge.js';
import { startOf } from '../journal/position.js';
import { JournalReader, type ReadMessage } from '../journal/reader.js';
import type { Clock } from '../ports/clock.js';
import type { JournalRegistration } from '../ports/journal-registry.js';
import type { Log } from '../ports/log.js';
import type { JournalAddress } from '../shard/hosting.js';
import { journalKey, type ForeignRow } from '../state/loop-state.js';
import { foldedBy, type FoldedSeqs } from './causal.js';
import { Room } from './room.js';

export interface JournalQueueOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly protocol: JournalProtocol;
  readonly address: JournalAddress;
  readonly registration: JournalRegistration;
  onArrival(): void;
  onVoid(reason: string, offset: number): void;
  onTrouble(error: Error): void;
  onStopped(error: Error): void;
}

/** One event of a foreign commit, ready to be decided on. */
export interface Fact {
  readonly journalId: string;
  readonly seq: number;
  readonly at: number;
  readonly event: RecordedEvent;
  /** Events of the commit up to this one. */
  readonly eventsDone: number;
  /** Nothing of the commit is left behind it. */
  readonly isLast: boolean;
  /** Right after the commit. */
  readonly cursor: JournalPosition;
}

interface ForeignCommit {
  readonly record: CommitRecord;
  readonly cursor: JournalPosition;
  readonly folded: FoldedSeqs;
  readonly bytes: number;
  /** Indexes of the events that concern a decider, those before a half-read start left out. */
  readonly facts: readonly number[];
}

const COMMITS_MAX = 1_000;
const BYTES_MAX = 16 * 1024 * 1024;

/**
 * A foreign journal, judged like one's own, as facts that no accepted commit has decided on yet. Records without facts
 * (terms, saved cursors, refusals) are passed over: they move the position only together with a fact behind them, so that
 * an idle neighbour's housekeeping makes nobody commit.
 */
export class JournalQueue {
  readonly #options: JournalQueueOptions;
  readonly #room = new Room(COMMITS_MAX, BYTES_MAX);
  #commits: ForeignCommit[] = [];
  /** Commits, and facts of the one behind them, that are taken. */
  #taken = 0;
  #takenFacts = 0;
  #row: ForeignRow | undefined;
  #reader: JournalReader | undefined;
  /** Last seq read, with or without facts. */
  #readSeq = -1;
  /** What passed-over records had folded: the next commit with facts answers for it. */
  #passedOver: FoldedSeqs = new Map();

  constructor(options: JournalQueueOptions) {
    this.#options = options;
  }

  get address(): JournalAddress {
    return this.#options.address;
  }

  get key(): string {
    return journalKey(this.address.domain, this.address.cell);
  }

  /** Everything up to this seq was handed over. */
  get handedSeq(): number {
    const next = this.#commits[this.#taken];
    return next === undefined ? this.#readSeq : next.record.seq - 1;
  }

  /** Time of the latest commit at hand. */
  get latestAt(): number {
    return this.#commits.at(-1)?.record.at ?? 0;
  }

  async start(row: ForeignRow | undefined): Promise<void> {
    const { log, clock, protocol, address, registration, onVoid, onTrouble, onStopped } = this.#options;
    this.#row = row;
    this.#readSeq = row === undefined ? -1 : row.events === undefined ? row.seq : row.seq - 1;
    this.#reader = new JournalReader({
      log,
      clock,
      protocol,
      source: { topic: journalTopic(address.domain), partition: address.cell },
      rules: registration,
      position: row ?? startOf(registration.journalId),
      onAccepted: (record, cursor, message) => this.#onAccepted(record, cursor, message),
      // A commit of which a part was decided on is the anchor: the rest of it comes from there.
      onAnchor: (record, cursor) => {
        if (this.#readSeq < record.seq)
          void this.#onAccepted(record, cursor, { offset: cursor.lastOffset, value: null });
      },
      onVoid,
      onTrouble,
      onStopped,
      onTurn: () => undefined,
    });
    await this.#reader.start();
  }

  async stop(): Promise<void> {
    this.#room.open();
    await this.#reader?.stop();
  }

  /** The next fact, unless it must wait for facts of other journals. */
  peek(isDeliverable: (folded: FoldedSeqs) => boolean): Fact | undefined {
    const commit = this.#commits[this.#taken];
    if (commit === undefined || !isDeliverable(commit.folded)) return undefined;
    const index = commit.facts[this.#takenFacts]!;
    const { record, cursor } = commit;
    return {
      journalId: record.journalId,
      seq: record.seq,
      at: record.at,
      event: record.events[index]!,
      eventsDone: index + 1,
      isLast: this.#takenFacts === commit.facts.length - 1,
      cursor,
    };
  }

  take(): void {
    this.#takenFacts += 1;
    if (this.#takenFacts < this.#commits[this.#taken]!.facts.length) return;
    this.#taken += 1;
    this.#takenFacts = 0;
  }

  /** Accepted state stands here: what lies before leaves, what lies behind is to be decided on, again if need be. */
  resetTo(row: ForeignRow | undefined): void {
    this.#row = row;
    this.#taken = 0;
    this.#takenFacts = 0;
    const undecided = this.#commits.flatMap((commit) => {
      const facts = this.#undecided(commit.record, commit.facts);
      if (facts.length > 0) return [facts === commit.facts ? commit : { ...commit, facts }];
      this.#room.leave(commit.bytes);
      return [];
    });
    this.#commits = undecided;
  }

  #onAccepted(record: JournalRecord, cursor: JournalPosition, message: ReadMessage): void | Promise<void> {
    this.#readSeq = record.seq;
    const folded = foldedBy(record, this.#passedOver);
    const facts = record.kind === 'Commit' ? this.#undecided(record, factsOf(record)) : [];
    if (record.kind !== 'Commit' || facts.length === 0) {
      this.#passedOver = folded;
      this.#options.onArrival();
      return;
    }
    this.#passedOver = new Map();
    const bytes = 500 + (message.value?.length ?? 0);
    this.#commits.push({ record, cursor, folded, bytes, facts });
    this.#room.enter(bytes);
    this.#options.onArrival();
    return this.#room.free();
  }

  #undecided(record: CommitRecord, facts: readonly number[]): readonly number[] {
    if (this.#row === undefined || record.seq > this.#row.seq) return facts;
    if (record.seq < this.#row.seq || this.#row.events === undefined) return [];
    const { events } = this.#row;
    return facts.filter((index) => index >= events);
  }
}

function factsOf(record: CommitRecord): number[] {
  return record.events.flatMap((event, index) => (loopEventTypes.has(event.type) ? [] : [index]));
}
