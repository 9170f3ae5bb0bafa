import type { DomainName } from '@orrery/contracts';
import type { JournalRegistration, JournalRegistry } from '@orrery/control-loop';
import type { types } from 'cassandra-driver';
import type { CassandraOptions } from './cassandra-options.js';
import { CassandraSession } from './cassandra-session.js';

/** Which journal each partition holds. The one table that is written by compare-and-set, always: the first to register wins. */
export class CassandraRegistry implements JournalRegistry {
  readonly #session: CassandraSession;

  constructor(options: CassandraOptions, session = new CassandraSession(options)) {
    this.#session = session;
  }

  async get(domain: DomainName, cell: number): Promise<JournalRegistration | undefined> {
    const query = 'SELECT * FROM journal_registry WHERE domain = ? AND cell = ?';
    // A row that a quorum shows was registered; only that none is there takes the dearer read to be sure of.
    const [row] = await this.#session.select(query, [domain, cell]);
    const [found] = row === undefined ? await this.#session.selectSerial(query, [domain, cell]) : [row];
    return found === undefined ? undefined : registrationOf(found);
  }

  async put(registration: JournalRegistration): Promise<JournalRegistration> {
    const { domain, cell, journalId, genesisHash, repairs } = registration;
    await this.#session.insertFirst({
      query: `INSERT INTO journal_registry (domain, cell, journal_id, genesis_hash, repairs)
              VALUES (?, ?, ?, ?, ?) IF NOT EXISTS`,
      params: [domain, cell, journalId, genesisHash, repairs === undefined ? undefined : JSON.stringify(repairs)],
    });
    return (await this.get(domain, cell))!;
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

function registrationOf(row: types.Row): JournalRegistration {
  const repairs = row['repairs'] as string | null;
  return {
    domain: row['domain'] as DomainName,
    cell: row['cell'] as number,
    journalId: row['journal_id'] as string,
    genesisHash: row['genesis_hash'] as string,
    ...(repairs === null ? {} : { repairs: JSON.parse(repairs) as NonNullable<JournalRegistration['repairs']> }),
  };
}
