import type { JournalPosition } from '@orrery/contracts';

/** Before genesis: nothing was accepted yet. */
export function startOf(journalId: string): JournalPosition {
  return { journalId, next: 0, lastOffset: -1, term: 0, writer: '', seq: -1, hash: '', at: 0 };
}

/**
 * The position as a function of the accepted prefix alone: `next` follows the last accepted record, however many void ones
 * were read behind it. This is what snapshots and commits keep.
 */
export function acceptedPosition(cursor: JournalPosition): JournalPosition {
  const { journalId, lastOffset, term, writer, seq, hash, at } = cursor;
  return { journalId, next: lastOffset + 1, lastOffset, term, writer, seq, hash, at };
}

/** Canonical JSON of an accepted position: equal positions give equal bytes. */
export function encodePosition(cursor: JournalPosition): string {
  return JSON.stringify(acceptedPosition(cursor));
}
