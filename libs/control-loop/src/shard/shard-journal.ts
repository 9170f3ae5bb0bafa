import {
  journalTopic,
  type DomainName,
  type JournalPosition,
  type JournalRecord,
  type TermStartedRecord,
} from '@orrery/contracts';
import { assert, type DomainEvent, type EpochMs } from '@orrery/kernel';
import { JournalStopped } from '../journal/judge.js';
import { JournalReader, type ReadMessage } from '../journal/reader.js';
import { JournalWriter, type Settlement } from '../journal/writer.js';
import type { JournalRegistration } from '../ports/journal-registry.js';
import type { LogMessage } from '../ports/log.js';
import type { ShardFold } from '../state/shard-fold.js';
import { BrokerTime } from './broker-time.js';
import type { AcceptedCommit } from './hosting.js';
import type { LoopPorts, ResolvedSettings } from './settings.js';
import type { ShardSignals } from './signals.js';

export interface ShardJournalOptions<State extends object, Event extends DomainEvent> {
  readonly domain: DomainName;
  readonly cell: number;
  readonly ports: LoopPorts;
  readonly settings: ResolvedSettings;
  readonly fold: ShardFold<State, Event>;
  readonly signals: ShardSignals;
  readonly registration: JournalRegistration;
  readonly position: JournalPosition;
  /** Another's record was accepted: whatever was decided speculatively has not happened. */
  rollBack(): void;
  /** A commit was accepted and folded; `own` is there when it is the one that this process had decided. */
  onCommit(commit: AcceptedCommit<Event>, own: OwnCommit | undefined): void;
  onTerm(record: TermStartedRecord): void;
  /** After whatever a record changed. */
  onSettled(events: number): void;
  onStopped(error: Error): void;
}

export interface OwnCommit {
  readonly bytes: number;
  /** From the first send to the acceptance. */
  readonly appendMs: number;
}

/**
 * A shard's own journal and the state that is its fold. The one place where accepted state moves: a record is accepted, by
 * reading or by acknowledgement, and is folded; one's own had been folded speculatively, another's undoes that first.
 */
export class ShardJournal<State extends object, Event extends DomainEvent> {
  readonly brokerTime = new BrokerTime();
  readonly #options: ShardJournalOptions<State, Event>;
  readonly #reader: JournalReader;
  readonly #writer: JournalWriter;
  /** Own records whose broker time is not known yet: offset -> when they were sent. */
  readonly #sentMs = new Map<number, EpochMs>();
  #voidRecords = 0;

  constructor(options: ShardJournalOptions<State, Event>) {
    this.#options = options;
    const { ports, settings, signals, fold, registration, position } = options;
    const source = { topic: journalTopic(options.domain), partition: options.cell };
    this.#reader = new JournalReader({
      ...ports,
      protocol: settings.protocol,
      source,
      position,
      rules: {
        ...registration,
        foldVersion: fold.foldVersion,
        inputsFault: (inputs) => fold.loop.inputsFault(inputs),
      },
      onAccepted: (record, cursor, message) => this.#onAccepted(record, cursor, message),
      onReadBack: (message) => this.#onReadBack(message),
      onVoid: (reason, offset) => {
        this.#voidRecords += 1;
        signals.emit({ kind: 'void-record', reason, offset });
      },
      onStopped: options.onStopped,
      onTrouble: (error) => signals.alarm('reader-failed', error.message),
      onTurn: (ms) => signals.turn('fold', ms),
    });
    this.#writer = new JournalWriter({
      ...ports,
      target: source,
      meaningOfAck: settings.protocol.meaningOfAck,
      reader: this.#reader,
      onInDoubt: (seq, attempt, error) => signals.emit({ kind: 'in-doubt', seq, attempt, message: error.message }),
      onStopped: options.onStopped,
    });
  }

  get cursor(): JournalPosition {
    return this.#reader.cursor;
  }

  /** A record of one's own is in flight; nothing may be decided until it is settled. */
  get busy(): boolean {
    return this.#writer.busy;
  }

  get voidRecords(): number {
    return this.#voidRecords;
  }

  /** Reads from the snapshot's position to the end (B2, B3). */
  async open(): Promise<void> {
    await this.#reader.start();
    await this.#reader.caughtUp();
    if (this.cursor.seq >= 0) return;
    const { domain, cell } = this.#options;
    throw new JournalStopped('genesis-missing', `${journalTopic(domain)}-${cell} has no genesis of this journal`);
  }

  caughtUp(): Promise<void> {
    return this.#reader.caughtUp();
  }

  /** F11: what is sent was judged by the rules that every reader will judge it by. */
  append(value: Uint8Array, seq: number, parsed?: JournalRecord): Promise<Settlement> {
    const verdict = this.#reader.preview(value, parsed);
    if (verdict.kind !== 'accepted') assert(false, 'a record that no reader would accept', { seq, verdict });
    return this.#writer.append(value, seq, verdict.cursor.hash);
  }

  async stop(): Promise<void> {
    this.#writer.stop();
    await this.#reader.stop();
  }

  #onAccepted(record: JournalRecord, cursor: JournalPosition, message: ReadMessage): void {
    const { fold, rollBack, onCommit, onTerm, onSettled } = this.#options;
    const mine = this.#writer.isMine(cursor.hash);
    const own = mine ? this.#noteSent(cursor, message) : undefined;
    if (mine && record.kind === 'Commit') {
      fold.finish(record);
    } else {
      rollBack();
      fold.fold(record, cursor);
    }
    fold.undo.forget();
    this.#writer.onAccepted(cursor.hash);
    if (record.kind === 'Commit') onCommit({ ...record, events: record.events as never, position: cursor }, own);
    if (record.kind === 'TermStarted') onTerm(record);
    onSettled(record.kind === 'Commit' ? record.events.length : 0);
  }

  #noteSent({ lastOffset }: JournalPosition, { timestampMs, value }: ReadMessage): OwnCommit {
    const { sentMs } = this.#writer;
    if (timestampMs === undefined) this.#sentMs.set(lastOffset, sentMs);
    else this.brokerTime.onReadBack(sentMs, timestampMs);
    return { bytes: value?.length ?? 0, appendMs: this.#options.ports.clock.nowMs() - sentMs };
  }

  #onReadBack({ offset, timestampMs }: LogMessage): void {
    const sentMs = this.#sentMs.get(offset);
    if (sentMs === undefined) return;
    this.#sentMs.delete(offset);
    this.brokerTime.onReadBack(sentMs, timestampMs);
  }
}
