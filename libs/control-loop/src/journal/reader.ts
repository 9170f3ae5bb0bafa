import type { JournalPosition, JournalRecord } from '@orrery/contracts';
import type { Clock } from '../ports/clock.js';
import type { Log, LogMessage, LogReader, MessageBatch, TopicPartition } from '../ports/log.js';
import { sha256 } from './hash.js';
import {
  JournalStopped,
  type JournalProtocol,
  type JudgedMessage,
  type JournalRules,
  type StopReason,
  type Verdict,
  type VoidReason,
} from './judge.js';
import { acceptedPosition } from './position.js';
import { readHead } from './records.js';

export interface JournalReaderOptions {
  readonly log: Log;
  readonly clock: Clock;
  readonly source: TopicPartition;
  readonly protocol: JournalProtocol;
  readonly rules: JournalRules;
  /** Where to go on; its last accepted record is the anchor that must still be there. */
  readonly position: JournalPosition;
  /** Awaited before the next record is judged. */
  onAccepted(record: JournalRecord, cursor: JournalPosition, message: ReadMessage): void | Promise<void>;
  onVoid(reason: VoidReason, offset: number): void;
  /** A record that was accepted by its acknowledgement came by: now its broker time is known. */
  onReadBack?(message: LogMessage): void;
  /** The anchor as it was found at the start, for who has not done with it. */
  onAnchor?(record: JournalRecord, cursor: JournalPosition): void;
  /** Damage or a bug: this reader is stopped for ever. */
  onStopped(error: Error): void;
  /** The log can't be read at the moment; reading begins again at the anchor. */
  onTrouble(error: Error): void;
  /** One uninterrupted stretch of reading. */
  onTurn(ms: number): void;
}

/** A message as it was read, or one's own as it was sent: then its broker time is not known yet. */
export type ReadMessage = Pick<LogMessage, 'offset' | 'value'> & { readonly timestampMs?: number };

const TURN_MS_MAX = 20;
const BACK_OFF_MS_MIN = 100;
const BACK_OFF_MS_MAX = 5_000;
/** A broker that just became leader may show less than is there: this long it is asked again (B2: "once that is stable"). */
const HIGH_STABLE_ATTEMPTS = 20;

/**
 * Reads one journal: every message in order, judged, none skipped. Each (re)start checks that the last accepted record is
 * still where it was, so a log that was cut or made again is found out before anything is believed.
 */
export class JournalReader {
  readonly #options: JournalReaderOptions;
  readonly #waiting: { readonly offset: number; readonly reached: () => void }[] = [];
  /** Own records accepted by their acknowledgement, until they come by: offset -> hash. */
  readonly #acknowledged = new Map<number, string>();
  #cursor: JournalPosition;
  /** Offset that the log has to deliver next; behind the cursor when records were accepted by acknowledgement. */
  #readNext = 0;
  #reader: LogReader | undefined;
  #previewed: { cursor: JournalPosition; value: Uint8Array; verdict: Verdict } | undefined;
  #cancelRestart: (() => void) | undefined;
  #backOffMs = BACK_OFF_MS_MIN;
  #stopped = false;

  constructor(options: JournalReaderOptions) {
    this.#options = options;
    this.#cursor = acceptedPosition(options.position);
  }

  get cursor(): JournalPosition {
    return this.#cursor;
  }

  /** Resolves once reading has begun; trouble is retried until then. */
  async start(): Promise<void> {
    while (!this.#stopped && this.#reader === undefined) {
      try {
        await this.#begin();
      } catch (error) {
        if (error instanceof JournalStopped) return this.#fail(error);
        this.#options.onTrouble(error as Error);
        await this.#pause(this.#nextBackOffMs());
      }
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelRestart?.();
    this.#release(Infinity);
    await this.#reader?.stop();
  }

  /** Resolves once everything was read that is in the log now, as far as it shows (a lower bound); at once when stopped. */
  async caughtUp(): Promise<void> {
    for (;;) {
      try {
        const { high } = await this.#options.log.bounds(this.#options.source);
        return await this.reached(high);
      } catch (error) {
        if (this.#stopped) return;
        this.#options.onTrouble(error as Error);
        await this.#pause(BACK_OFF_MS_MIN);
      }
    }
  }

  /** Resolves once everything before `offset` was read. */
  async reached(offset: number): Promise<void> {
    if (this.#stopped || this.#cursor.next >= offset) return;
    await new Promise<void>((reached) => this.#waiting.push({ offset, reached }));
  }

  /** Judges and takes a message: of the log, or one's own that was acknowledged at this offset. */
  offer(message: ReadMessage): void | Promise<void> {
    return this.#take(this.#judge(message), message);
  }

  /** What a record of one's own would be if it stood next: it is not sent unless that is `accepted`. */
  preview(value: Uint8Array, parsed?: unknown): Verdict {
    const verdict = this.#judge({ offset: this.#cursor.next, value, parsed });
    this.#previewed = { cursor: this.#cursor, value, verdict };
    return verdict;
  }

  #judge(message: JudgedMessage): Verdict {
    return this.#options.protocol.judge(this.#cursor, message, this.#options.rules);
  }

  #take(verdict: Verdict, message: ReadMessage): void | Promise<void> {
    switch (verdict.kind) {
      case 'stop':
        throw new JournalStopped(verdict.reason, `${this.#name}: ${verdict.message}`);
      case 'void':
        this.#cursor = verdict.cursor;
        this.#options.onVoid(verdict.reason, message.offset);
        return;
      case 'accepted':
        this.#cursor = verdict.cursor;
        return this.#options.onAccepted(verdict.record, verdict.cursor, message);
    }
  }

  /** W1: the log acknowledged our record right behind all that was read. */
  acknowledge(offset: number, value: Uint8Array): void {
    try {
      const known = this.#previewed;
      this.#previewed = undefined;
      const isKnown = known?.cursor === this.#cursor && known.value === value && offset === this.#cursor.next;
      const message = { offset, value };
      void this.#take(isKnown ? known.verdict : this.#judge(message), message);
      if (offset >= this.#readNext) this.#acknowledged.set(offset, this.#cursor.hash);
      this.#release(this.#cursor.next);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** The last accepted record must still be there, byte for byte; else the log is not the one that was read. */
  async checkAnchor(): Promise<void> {
    const { log, source, protocol, onAnchor } = this.#options;
    const cursor = this.#cursor;
    if (cursor.seq < 0) return;
    const [anchor] = await log.read(source, cursor.lastOffset, cursor.lastOffset + 1);
    const fault = protocol.anchorFault(cursor, anchor);
    if (fault !== undefined) throw this.#stop('anchor-lost', fault);
    if (onAnchor === undefined) return;
    const head = readHead(anchor!.value);
    if (head !== undefined) onAnchor(head as unknown as JournalRecord, cursor);
  }

  async #begin(): Promise<void> {
    const { log, source } = this.#options;
    await this.#checkBounds();
    await this.checkAnchor();
    if (this.#stopped) return;
    this.#cursor = acceptedPosition(this.#cursor);
    this.#readNext = this.#cursor.next;
    this.#acknowledged.clear();
    this.#reader = log.follow(
      source,
      this.#readNext,
      (batch) => this.#onBatch(batch),
      (error) => this.#onError(error),
    );
    this.#release(this.#cursor.next);
  }

  async #checkBounds(): Promise<void> {
    const { log, source } = this.#options;
    const { lastOffset, seq } = this.#cursor;
    for (let attempt = 1; ; attempt += 1) {
      const { low, high } = await log.bounds(source);
      if (seq < 0 && low > 0) throw this.#stop('genesis-missing', `the log begins at offset ${low}`);
      if (seq < 0) return;
      if (lastOffset < low)
        throw this.#stop('anchor-lost', `seq ${seq} was at ${lastOffset}, the log begins at ${low}`);
      if (lastOffset < high) return;
      if (attempt === HIGH_STABLE_ATTEMPTS) {
        throw this.#stop('anchor-lost', `seq ${seq} was at offset ${lastOffset}, the log ends at ${high}`);
      }
      await this.#pause(BACK_OFF_MS_MIN);
      if (this.#stopped) return;
    }
  }

  async #onBatch(batch: MessageBatch): Promise<void> {
    const { clock } = this.#options;
    let turnBeganMs = clock.nowMs();
    try {
      for (const message of batch.messages) {
        if (this.#stopped) return;
        const taken = this.#onMessage(message);
        if (taken !== undefined) await taken;
        const turnMs = clock.nowMs() - turnBeganMs;
        if (turnMs < TURN_MS_MAX) continue;
        this.#options.onTurn(turnMs);
        await this.#pause(0);
        turnBeganMs = clock.nowMs();
      }
      this.#backOffMs = BACK_OFF_MS_MIN;
      this.#options.onTurn(clock.nowMs() - turnBeganMs);
    } catch (error) {
      this.#fail(error as Error);
    } finally {
      this.#release(this.#cursor.next);
    }
  }

  #onMessage(message: LogMessage): void | Promise<void> {
    if (message.offset !== this.#readNext) {
      throw this.#stop('offset-gap', `expected offset ${this.#readNext}, found ${message.offset}: records were lost`);
    }
    this.#readNext += 1;
    if (message.offset >= this.#cursor.next) return this.offer(message);
    const acknowledged = this.#acknowledged.get(message.offset);
    this.#acknowledged.delete(message.offset);
    if (acknowledged !== undefined && (message.value === null || sha256(message.value) !== acknowledged)) {
      throw this.#stop(
        'log-lost',
        `offset ${message.offset} was acknowledged to another record: was the topic made again?`,
      );
    }
    this.#options.onReadBack?.(message);
  }

  #onError(error: Error): void {
    if (this.#stopped) return;
    this.#options.onTrouble(error);
    this.#reader = undefined;
    this.#cancelRestart = this.#options.clock.after(this.#nextBackOffMs(), () => void this.start());
  }

  #fail(error: Error): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#cancelRestart?.();
    this.#options.onStopped(error);
    this.#release(Infinity);
    void this.#reader?.stop();
  }

  #release(next: number): void {
    for (let index = this.#waiting.length - 1; index >= 0; index -= 1) {
      if (this.#waiting[index]!.offset <= next) this.#waiting.splice(index, 1)[0]!.reached();
    }
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.after(ms, resolve));
  }

  #nextBackOffMs(): number {
    const backOffMs = this.#backOffMs;
    this.#backOffMs = Math.min(backOffMs * 2, BACK_OFF_MS_MAX);
    return backOffMs;
  }

  #stop(reason: StopReason, message: string): JournalStopped {
    return new JournalStopped(reason, `${this.#name}: ${message}`);
  }

  get #name(): string {
    return `${this.#options.source.topic}-${this.#options.source.partition}`;
  }
}
