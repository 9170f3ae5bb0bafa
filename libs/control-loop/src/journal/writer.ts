import type { Clock } from '../ports/clock.js';
import type { Log, TopicPartition } from '../ports/log.js';
import type { Random } from '../ports/random.js';
import { JournalStopped, type AckRule } from './judge.js';
import type { JournalReader } from './reader.js';

export interface JournalWriterOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly random: Random;
  readonly target: TopicPartition;
  readonly meaningOfAck: AckRule;
  /** The fold of this journal: what it accepts is what happened. */
  readonly reader: Pick<JournalReader, 'cursor' | 'acknowledge' | 'checkAnchor'>;
  onInDoubt(seq: number, attempt: number, error: Error): void;
  /** The log is not the one that was written to: the shard must stop. */
  onStopped(error: Error): void;
}

/** What became of an append: our record stands in the journal, or another one has its seq and ours is void for ever. */
export type Settlement = 'accepted' | 'void';

interface Unresolved {
  readonly value: Uint8Array;
  readonly hash: string;
  readonly seq: number;
  readonly sentMs: number;
  readonly settle: (settlement: Settlement) => void;
  attempts: number;
  cancelTimer: () => void;
}

/** F2: an append that nobody answers is in doubt after this long. */
const ANSWER_MS_MAX = 10_000;
const RESEND_MS_MIN = 50;
const RESEND_MS_MAX = 2_000;

/**
 * Appends one record at a time (W1-W4). A record whose fate is not known is sent again as the very same bytes until the own
 * fold accepts a record with its seq, ours or not; until then there is no other record and no other decision.
 */
export class JournalWriter {
  readonly #options: JournalWriterOptions;
  #unresolved: Unresolved | undefined;
  #stopped = false;

  constructor(options: JournalWriterOptions) {
    this.#options = options;
  }

  get busy(): boolean {
    return this.#unresolved !== undefined;
  }

  /** When the first attempt of the record in flight was made. */
  get sentMs(): number {
    return this.#unresolved?.sentMs ?? 0;
  }

  /** Whether the record of this hash is the one in flight. */
  isMine(hash: string): boolean {
    return this.#unresolved?.hash === hash;
  }

  /** `value` is a record for the seq behind the cursor, built on exactly the state that was folded. */
  append(value: Uint8Array, seq: number, hash: string): Promise<Settlement> {
    return new Promise((settle) => {
      const { clock } = this.#options;
      this.#unresolved = { value, hash, seq, sentMs: clock.nowMs(), settle, attempts: 0, cancelTimer: () => undefined };
      this.#attempt(this.#unresolved);
    });
  }

  /** The fold accepted a record: whatever is in flight has had its seq taken, by itself or by another. */
  onAccepted(hash: string): void {
    const record = this.#unresolved;
    if (record === undefined) return;
    this.#unresolved = undefined;
    record.cancelTimer();
    record.settle(record.hash === hash ? 'accepted' : 'void');
  }

  /** Gives up without knowing: only for a process that will decide nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#unresolved?.cancelTimer();
  }

  #attempt(record: Unresolved): void {
    const { log, clock, target, reader } = this.#options;
    record.attempts += 1;
    const nextWhenSent = reader.cursor.next;
    record.cancelTimer = clock.after(ANSWER_MS_MAX, () =>
      this.#onDoubt(record, new Error(`no answer within ${ANSWER_MS_MAX} ms`)),
    );
    log.append(target, { value: record.value }).then(
      (offset) => this.#onAck(record, offset, nextWhenSent),
      (error: unknown) => this.#onDoubt(record, error as Error),
    );
  }

  #onAck(record: Unresolved, offset: number, nextWhenSent: number): void {
    if (this.#stopped) return;
    const { reader, meaningOfAck } = this.#options;
    const unresolved = record === this.#unresolved;
    // A copy of a record that was settled meanwhile says nothing new, unless it landed where others had been.
    if (!unresolved && offset >= nextWhenSent) return;
    const meaning = unresolved ? meaningOfAck(offset, reader.cursor.next) : 'log-lost';
    switch (meaning) {
      case 'log-lost': {
        const message = `offset ${offset} was acknowledged, but everything before ${nextWhenSent} had been read`;
        return this.#options.onStopped(new JournalStopped('log-lost', message));
      }
      case 'read-on':
        record.cancelTimer();
        return;
      case 'accepted':
        return reader.acknowledge(offset, record.value);
    }
  }

  #onDoubt(record: Unresolved, error: Error): void {
    if (this.#stopped || record !== this.#unresolved) return;
    const { clock, random } = this.#options;
    this.#options.onInDoubt(record.seq, record.attempts, error);
    record.cancelTimer();
    const backOffMs = Math.min(RESEND_MS_MIN * 2 ** (record.attempts - 1), RESEND_MS_MAX);
    record.cancelTimer = clock.after(
      Math.floor(backOffMs * (0.5 + random.fraction())),
      () => void this.#resend(record),
    );
  }

  /** W4: the same bytes again, once the last accepted record was seen to be still there. */
  async #resend(record: Unresolved): Promise<void> {
    try {
      await this.#options.reader.checkAnchor();
    } catch (error) {
      if (error instanceof JournalStopped) return this.#options.onStopped(error);
      record.attempts += 1;
      return this.#onDoubt(record, error as Error);
    }
    if (!this.#stopped && record === this.#unresolved) this.#attempt(record);
  }
}
