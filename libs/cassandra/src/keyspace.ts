import type { CassandraOptions } from './cassandra-options.js';
import { CassandraSession } from './cassandra-session.js';
import { tables, type Table } from './tables.js';

const REPLICAS_MAX = 3;

/**
 * Makes the keyspace and its tables where they are missing; changes nothing that is there. To be called by one process at a
 * time: nodes that are told of one table twice at once may disagree about it.
 */
export async function ensureKeyspace(options: CassandraOptions): Promise<void> {
  const { keyspace, datacenter } = options;
  if (!/^[a-z][a-z0-9_]{0,47}$/.test(keyspace)) throw new Error(`${keyspace} is no name for a keyspace`);
  const session = new CassandraSession(options, { inKeyspace: false });
  try {
    const replicas = Math.min(REPLICAS_MAX, await session.nodesUp());
    await session.define(
      `CREATE KEYSPACE IF NOT EXISTS ${keyspace} WITH replication =
       {'class': 'NetworkTopologyStrategy', '${datacenter.replaceAll("'", "''")}': ${replicas}}`,
    );
    for (const table of tables) await session.define(definition(keyspace, table));
  } finally {
    await session.close();
  }
}

function definition(keyspace: string, { name, columns, partition, clustering = [] }: Table): string {
  const order = clustering.map(([column, direction]) => `${column} ${direction}`).join(', ');
  const key = [`(${partition})`, ...clustering.map(([column]) => column)].join(', ');
  const ordered = clustering.length === 0 ? '' : ` WITH CLUSTERING ORDER BY (${order})`;
  return `CREATE TABLE IF NOT EXISTS ${keyspace}.${name} (${columns}, PRIMARY KEY (${key}))${ordered}`;
}
