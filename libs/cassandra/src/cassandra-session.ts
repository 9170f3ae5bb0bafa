import cassandra, { type Client, type types } from 'cassandra-driver';
import type { CassandraOptions } from './cassandra-options.js';

/** No node answered in time. What was written may be there or not; the same write again is harmless. */
export class CassandraAway extends Error {
  readonly code = 'cassandra-away';

  constructor(cause: unknown) {
    super(`Cassandra does not answer: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.name = 'CassandraAway';
  }
}

export interface Statement {
  readonly query: string;
  readonly params: readonly unknown[];
}

/** One partition's statements are sent together, so many at a time. */
const BATCH_STATEMENTS_MAX = 20;
const BATCH_BYTES_MAX = 40 * 1024;
const CONCURRENT_REQUESTS = 24;
const RECONNECT_MS = 1_000;

/**
 * The connections of one process to Cassandra, opened by the first use. Every statement of this library has a deterministic key
 * and equal values in every repetition, so all of them are idempotent, and retried by the driver as such.
 */
export class CassandraSession {
  readonly #client: Client;

  constructor(options: CassandraOptions, settings: { readonly inKeyspace: boolean } = { inKeyspace: true }) {
    this.#client = new cassandra.Client({
      contactPoints: [...options.contactPoints],
      localDataCenter: options.datacenter,
      ...(settings.inKeyspace ? { keyspace: options.keyspace } : {}),
      ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
      queryOptions: {
        prepare: true,
        isIdempotent: true,
        consistency: cassandra.types.consistencies.localQuorum,
        fetchSize: 5_000,
      },
      policies: {
        retry: new cassandra.policies.retry.IdempotenceAwareRetryPolicy(new cassandra.policies.retry.RetryPolicy()),
        reconnection: new cassandra.policies.reconnection.ConstantReconnectionPolicy(RECONNECT_MS),
      },
      socketOptions: { connectTimeout: 2_000, readTimeout: 8_000, tcpNoDelay: true },
      encoding: { useUndefinedAsUnset: true },
    });
    this.#client.on('log', (level: string, _source: string, message: string) => {
      if (level === 'warning' || level === 'error') options.logger?.('debug', message, { client: 'cassandra-driver' });
    });
  }

  /** All rows that the statement selects, page by page. */
  async select(query: string, params: readonly unknown[], options: { fetchSize?: number } = {}): Promise<types.Row[]> {
    const rows: types.Row[] = [];
    for (let pageState: string | undefined; ;) {
      const paging = pageState === undefined ? options : { ...options, pageState };
      const page = await this.#ask(() => this.#client.execute(query, [...params], paging));
      for (const row of page.rows) rows.push(row);
      if (page.pageState === null || page.pageState === undefined) return rows;
      pageState = page.pageState;
    }
  }

  /** Sees every insert that `insertFirst` said to be done, also one whose answer was lost. */
  async selectSerial(query: string, params: readonly unknown[]): Promise<types.Row[]> {
    const consistency = cassandra.types.consistencies.localSerial;
    const { rows } = await this.#ask(() => this.#client.execute(query, [...params], { consistency }));
    return rows;
  }

  /** An insert `IF NOT EXISTS`: never retried by the driver, whoever inserted first stays. */
  async insertFirst({ query, params }: Statement): Promise<void> {
    const serialConsistency = cassandra.types.consistencies.localSerial;
    await this.#ask(() => this.#client.execute(query, [...params], { isIdempotent: false, serialConsistency }));
  }

  async execute({ query, params }: Statement): Promise<void> {
    await this.#ask(() => this.#client.execute(query, [...params]));
  }

  /** Unprepared, for definitions; waits until all nodes agree on the schema. */
  async define(query: string): Promise<void> {
    await this.#ask(() => this.#client.execute(query, [], { prepare: false }));
  }

  /** Single statements, so many under way at once. */
  async executeAll(statements: readonly Statement[]): Promise<void> {
    await concurrently(statements, (statement) => this.execute(statement));
  }

  /** Statements by partition: each partition's in unlogged batches, several batches under way at once. */
  async writePartitions(partitions: Iterable<readonly Statement[]>): Promise<void> {
    const batches = [...partitions].flatMap(inBatches);
    await concurrently(batches, async (batch) => {
      if (batch.length === 1) return this.execute(batch[0]!);
      const queries = batch.map(({ query, params }) => ({ query, params: [...params] }));
      await this.#ask(() => this.#client.batch(queries, { prepare: true, logged: false }));
    });
  }

  /** How many nodes of the data centre are up: what decides the number of replicas. */
  async nodesUp(): Promise<number> {
    await this.#ask(() => this.#client.connect());
    return this.#client.hosts.values().filter((host) => host.isUp()).length;
  }

  async close(): Promise<void> {
    await this.#client.shutdown();
  }

  async #ask<T>(request: () => Promise<T>): Promise<T> {
    try {
      return await request();
    } catch (error) {
      if (isAway(error)) throw new CassandraAway(error);
      throw error;
    }
  }
}

/** Groups statements or whatever makes them by partition. */
export function byPartition<T>(items: readonly T[], partitionOf: (item: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const partition = partitionOf(item);
    const group = groups.get(partition);
    if (group === undefined) groups.set(partition, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

async function concurrently<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await run(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENT_REQUESTS, items.length) }, worker));
}

function inBatches(statements: readonly Statement[]): Statement[][] {
  const batches: Statement[][] = [];
  let bytes = 0;
  for (const statement of statements) {
    const own = statementBytes(statement);
    const last = batches.at(-1);
    if (last === undefined || last.length >= BATCH_STATEMENTS_MAX || bytes + own > BATCH_BYTES_MAX) {
      batches.push([statement]);
      bytes = own;
    } else {
      last.push(statement);
      bytes += own;
    }
  }
  return batches;
}

function statementBytes({ params }: Statement): number {
  return params.reduce<number>((sum, param) => sum + (typeof param === 'string' ? param.length : 8), 0);
}

function isAway(error: unknown): boolean {
  if (error instanceof cassandra.errors.NoHostAvailableError) return true;
  if (error instanceof cassandra.errors.OperationTimedOutError) return true;
  if (!(error instanceof cassandra.errors.ResponseError)) return false;
  const { unavailableException, overloaded, isBootstrapping, readTimeout, writeTimeout } =
    cassandra.types.responseErrorCodes;
  return [unavailableException, overloaded, isBootstrapping, readTimeout, writeTimeout].includes(error.code);
}
