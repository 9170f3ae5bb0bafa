import type { JournalPosition, JournalRecord } from '@orrery/contracts';
import type { Log, TopicPartition } from '../ports/log.js';
import { judge, JournalStopped, type JournalRules } from './judge.js';

const MESSAGES_AT_ONCE = 50;

export interface AcceptedRecord {
  readonly record: JournalRecord;
  /** Right after it. */
  readonly position: JournalPosition;
}

/** The accepted records behind a position, up to an offset, once: for tools that look back. */
export async function* acceptedRecords(
  log: Log,
  source: TopicPartition,
  rules: JournalRules,
  { from, to }: { readonly from: JournalPosition; readonly to: number },
): AsyncGenerator<AcceptedRecord> {
  let position = from;
  while (position.next < to) {
    for (const message of await log.read(source, position.next, Math.min(position.next + MESSAGES_AT_ONCE, to))) {
      const verdict = judge(position, message, rules);
      if (verdict.kind === 'stop') {
        throw new JournalStopped(verdict.reason, `${source.topic}-${source.partition}: ${verdict.message}`);
      }
      position = verdict.cursor;
      if (verdict.kind === 'accepted') yield { record: verdict.record, position };
    }
  }
}
