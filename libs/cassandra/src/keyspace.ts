import type { CassandraOptions } from './cassandra-options.js';
import { CassandraSession } from './cassandra-session.js';
import { tables, type Table } from './tables.js';

const REPLICAS_MAX = 3;

/**
 * Makes the keyspace and its tables where they are missing. A table of the history that has other columns than it should is
 * one of an earlier version: all tables of the history are dropped then, and the historian, who finds no position, writes them
 * again from the journals. Everything else is left as it is, and a table of another shape is an error. To be called by one
 * process at a time: nodes that are told of one table twice at once may disagree about it.
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
    await dropOldHistory(session, keyspace);
    for (const table of tables) await session.define(definition(keyspace, table));
  } finally {
    await session.close();
  }
}

async function dropOldHistory(session: CassandraSession, keyspace: string): Promise<void> {
  const found = await session.select(
    'SELECT table_name, column_name FROM system_schema.columns WHERE keyspace_name = ?',
    [keyspace],
  );
  const columnsOf = new Map<string, Set<string>>();
  for (const row of found) {
    const table = row['table_name'] as string;
    columnsOf.set(table, (columnsOf.get(table) ?? new Set()).add(row['column_name'] as string));
  }
  const old = tables.filter((table) => columnsOf.has(table.name) && !hasColumns(table, columnsOf.get(table.name)!));
  if (old.length === 0) return;
  const kept = old.find(({ history }) => history !== true);
  if (kept !== undefined) {
    throw new Error(
      `table ${keyspace}.${kept.name} is of another version: its columns are ${[...columnsOf.get(kept.name)!].sort().join(', ')}; ` +
        'use another keyspace, or the version that made it',
    );
  }
  for (const { name, history } of tables) {
    if (history === true) await session.define(`DROP TABLE IF EXISTS ${keyspace}.${name}`);
  }
}

function hasColumns({ columns }: Table, found: ReadonlySet<string>): boolean {
  const wanted = columns.split(',').map((column) => column.trim().split(/\s+/)[0]!);
  return wanted.length === found.size && wanted.every((column) => found.has(column));
}

function definition(keyspace: string, { name, columns, partition, clustering = [] }: Table): string {
  const order = clustering.map(([column, direction]) => `${column} ${direction}`).join(', ');
  const key = [`(${partition})`, ...clustering.map(([column]) => column)].join(', ');
  const ordered = clustering.length === 0 ? '' : ` WITH CLUSTERING ORDER BY (${order})`;
  return `CREATE TABLE IF NOT EXISTS ${keyspace}.${name} (${columns}, PRIMARY KEY (${key}))${ordered}`;
}
