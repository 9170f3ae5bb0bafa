import type { JournalRecord } from '@orrery/contracts';
import { journalKey } from '../state/loop-state.js';

/** What a commit had folded of other journals when it was made: journal -> seq. */
export type FoldedSeqs = ReadonlyMap<string, number>;

/** What a record says it had folded, on top of what records before it said that were passed over. */
export function foldedBy(record: JournalRecord, before: FoldedSeqs = new Map()): FoldedSeqs {
  if (record.kind !== 'Commit') return before;
  const folded = new Map(before);
  for (const input of record.inputs) {
    if (input.kind !== 'journal') continue;
    const key = journalKey(input.domain, input.cell);
    folded.set(key, Math.max(input.toSeq, folded.get(key) ?? -1));
  }
  return folded;
}

/**
 * Causal delivery: a commit may be handed over once everything it had folded was, as far as this reader reads those
 * journals at all (`handedSeq` knows nothing of the others).
 */
export function isDeliverable(folded: FoldedSeqs, handedSeq: (journal: string) => number | undefined): boolean {
  for (const [journal, seq] of folded) {
    const handed = handedSeq(journal);
    if (handed !== undefined && handed < seq) return false;
  }
  return true;
}
