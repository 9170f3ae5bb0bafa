import type { Checkpoint, JournalPosition } from '@orrery/contracts';
import type { CommitSource } from './rows.js';

const EVERY_MS = 60_000;
const EVERY_RECORDS = 1_000;

/** When the next checkpoint of a journal is due: told by the times and numbers of its records, not by a clock. */
export class CheckpointPace {
  readonly #last = new Map<string, JournalPosition>();

  isDue(position: JournalPosition): boolean {
    const last = this.#last.get(position.journalId);
    const due = last === undefined || position.at - last.at >= EVERY_MS || position.seq - last.seq >= EVERY_RECORDS;
    if (due) this.#last.set(position.journalId, position);
    return due;
  }
}

export function checkpointOf({ domain, cell }: CommitSource, position: JournalPosition): Checkpoint {
  const { journalId, seq, lastOffset, hash, at } = position;
  return { journalId, domain, cell, seq, offset: lastOffset, hash, at };
}
