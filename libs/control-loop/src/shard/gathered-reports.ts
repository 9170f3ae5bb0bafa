import type { EpochMs } from '@orrery/kernel';
import type { LogMessage, TopicPartition } from '../ports/log.js';

/** Which reports a host lets be judged together. All of it follows from the reports alone. */
export interface Gathering<Report> {
  /** Whoever sent it, if it may be judged with reports of others; two of one sender are never judged together. */
  senderOf(report: Report): string | undefined;
  /** How much it says, in units of the host's. */
  sizeOf(report: Report): number;
  /** Together they say no more than this. */
  readonly sizeMax: number;
}

export interface GatheredReport<Report> {
  readonly message: LogMessage;
  readonly report: Report;
}

const REPORTS_MAX = 512;
const BYTES_MAX = 96 * 1024;

/**
 * Reports of one partition that came one after the other and become one decision: what a hundred agents say at a time is
 * one event. Nobody waits for more of them: the next input of another kind, or the end of the turn, closes what is there.
 */
export class GatheredReports<Report> {
  readonly items: GatheredReport<Report>[] = [];
  readonly source: TopicPartition;
  readonly #at: EpochMs;
  readonly #gathering: Gathering<Report>;
  readonly #senders = new Set<string>();
  #size = 0;
  #bytes = 0;

  constructor(source: TopicPartition, at: EpochMs, gathering: Gathering<Report>) {
    this.source = source;
    this.#at = at;
    this.#gathering = gathering;
  }

  isOf(source: TopicPartition, at: EpochMs): boolean {
    return this.source === source && this.#at === at;
  }

  /** False when it is to be judged without these. */
  add(message: LogMessage, report: Report): boolean {
    const sender = this.#gathering.senderOf(report);
    if (sender === undefined || this.#senders.has(sender)) return false;
    const size = this.#size + this.#gathering.sizeOf(report);
    const bytes = this.#bytes + (message.value?.length ?? 0);
    const isFull = this.items.length >= REPORTS_MAX || size > this.#gathering.sizeMax || bytes > BYTES_MAX;
    if (isFull && this.items.length > 0) return false;
    this.items.push({ message, report });
    this.#senders.add(sender);
    this.#size = size;
    this.#bytes = bytes;
    return true;
  }
}
