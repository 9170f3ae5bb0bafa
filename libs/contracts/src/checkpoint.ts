import type { EpochMs } from '@orrery/kernel';
import type { DomainName } from './ids.js';

/**
 * What a reader has seen of a journal: record `seq` stood at this offset and had this hash, which covers all before it. Kept
 * outside the journal, so that one rewritten as a whole is found out. Value of messages of `orrery.audit.checkpoints`,
 * keyed `<domain>/<cell>/<seq>`.
 */
export interface Checkpoint {
  readonly journalId: string;
  readonly domain: DomainName;
  readonly cell: number;
  readonly seq: number;
  readonly offset: number;
  readonly hash: string;
  readonly at: EpochMs;
}
