import type { CassandraLogger } from './cassandra-options.js';
import { CassandraSession } from './cassandra-session.js';
import { CassandraRegistry } from './registry.js';
import { CassandraSnapshots } from './snapshots.js';

/** What an owner needs of Cassandra: snapshots, and which journal each partition holds. */
export interface CassandraOfOwner {
  readonly snapshots: CassandraSnapshots;
  readonly registry: CassandraRegistry;
  close(): Promise<void>;
}

export function cassandraOfOwner(
  settings: { readonly cassandra: readonly string[]; readonly datacenter: string; readonly keyspace: string },
  logger: CassandraLogger,
): CassandraOfOwner {
  const { cassandra: contactPoints, datacenter, keyspace } = settings;
  const options = { contactPoints, datacenter, keyspace, logger };
  // One for both: connecting is a good part of the time that a boot takes.
  const session = new CassandraSession(options);
  const snapshots = new CassandraSnapshots(options, {}, session);
  const registry = new CassandraRegistry(options, session);
  return { snapshots, registry, close: () => session.close() };
}
