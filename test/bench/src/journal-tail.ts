import { journalTopic, type CommitRecord, type DomainName, type JournalRecord } from '@orrery/contracts';
import type { LogReader } from '@orrery/control-loop';
import type { KafkajsLog } from '@orrery/kafka';

export interface SeenCommit {
  readonly record: CommitRecord;
  /** When the broker took it. */
  readonly timestampMs: number;
  /** When this process saw it, on the clock of `performance.now()`. */
  readonly seenMs: number;
}

/** Sees every commit of one journal from its present end on: the outside view that figures are taken from. */
export class JournalTail {
  readonly #listeners = new Set<(commit: SeenCommit) => void>();
  #reader: LogReader | undefined;

  static async from(log: KafkajsLog, domain: DomainName, cell = 0): Promise<JournalTail> {
    const source = { topic: journalTopic(domain), partition: cell };
    const { high } = await log.bounds(source);
    const tail = new JournalTail();
    tail.#reader = log.follow(
      source,
      high,
      ({ messages }) => {
        const seenMs = performance.now();
        for (const { value, timestampMs } of messages) {
          const record = JSON.parse(Buffer.from(value!).toString('utf8')) as JournalRecord;
          if (record.kind !== 'Commit') continue;
          for (const listener of tail.#listeners) listener({ record, timestampMs, seenMs });
        }
      },
      (error) => {
        throw error;
      },
    );
    return tail;
  }

  on(listener: (commit: SeenCommit) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async stop(): Promise<void> {
    await this.#reader?.stop();
  }
}
