import type { DomainName } from '@orrery/contracts';

/**
 * Which journal a partition holds, kept outside the topic: a topic that was deleted and made again, or whose records come
 * from another installation, is thereby found out. Implemented by `@orrery/cassandra` and in memory by `@orrery/testing`.
 */
export interface JournalRegistry {
  get(domain: DomainName, cell: number): Promise<JournalRegistration | undefined>;
  /**
   * Registers a journal unless the cell has one already, and gives the one that is registered afterwards (which is another
   * one when somebody was faster).
   */
  put(registration: JournalRegistration): Promise<JournalRegistration>;
}

export interface JournalRegistration {
  readonly domain: DomainName;
  readonly cell: number;
  readonly journalId: string;
  /** sha256 of the Genesis record, hex. No other record is accepted as the first. */
  readonly genesisHash: string;
  /** Records that an operator declared void, because they stop every reader. Only ever added to, by hand. */
  readonly repairs?: readonly JournalRepair[];
}

export interface JournalRepair {
  readonly offset: number;
  /** sha256 of the value, hex. */
  readonly hash: string;
}
