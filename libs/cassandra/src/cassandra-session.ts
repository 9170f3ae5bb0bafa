import cassandra, { type Client, type ClientOptions, type types } from 'cassandra-driver';
import { batchesOf, joined, type Statement } from './batches.js';
import type { CassandraOptions } from './cassandra-options.js';

/** No node answered in time. What was written may be there or not; the same write again is harmless. */
export class CassandraAway extends Error {
  readonly code = 'cassandra-away';

  constructor(cause: unknown) {
    // The driver's message goes on with the dump of an error, which is kept as the cause.
    const [why] = (cause instanceof Error ? cause.message : String(cause)).split('\n');
    super(`Cassandra does not answer: ${why}`, { cause });
    this.name = 'CassandraAway';
  }
}

const CONCURRENT_REQUESTS = 24;
const ANY_PARTITION = Buffer.from('any');
const ROWS_A_PAGE = 5_000;
const RECONNECT_MS = 1_000;
const CONNECT_MS = 2_000;
const ANSWER_MS = 8_000;

/**
 * The connections of one process to Cassandra, opened by the first use. Every statement of this library has a deterministic key
 * and equal values in every repetition, so all of them are idempotent, and retried by the driver as such.
 */
export class CassandraSession {
  readonly #options: ClientOptions;
  readonly #logger: CassandraOptions['logger'];
  #client: Promise<Client> | undefined;

  constructor(options: CassandraOptions, settings: { readonly inKeyspace: boolean } = { inKeyspace: true }) {
    this.#options = clientOptions(options, settings.inKeyspace);
    this.#logger = options.logger;
  }

  /** All rows that the statement selects, page by page. */
  async select(query: string, params: readonly unknown[], options: { fetchSize?: number } = {}): Promise<types.Row[]> {
    const rows: types.Row[] = [];
    for (let pageState: string | undefined; ;) {
      const paging = pageState === undefined ? options : { ...options, pageState };
      const page = await this.#ask((client) => client.execute(query, [...params], paging));
      for (const row of page.rows) rows.push(row);
      if (page.pageState === null || page.pageState === undefined) return rows;
      pageState = page.pageState;
    }
  }

  /** Sees every insert that `insertFirst` said to be done, also one whose answer was lost. */
  async selectSerial(query: string, params: readonly unknown[]): Promise<types.Row[]> {
    const consistency = cassandra.types.consistencies.localSerial;
    const { rows } = await this.#ask((client) => client.execute(query, [...params], { consistency }));
    return rows;
  }

  /** An insert `IF NOT EXISTS`: never retried by the driver, whoever inserted first stays. */
  async insertFirst({ query, params }: Statement): Promise<void> {
    const serialConsistency = cassandra.types.consistencies.localSerial;
    await this.#ask((client) => client.execute(query, [...params], { isIdempotent: false, serialConsistency }));
  }

  async execute({ query, params }: Statement): Promise<void> {
    await this.#ask((client) => client.execute(query, [...params]));
  }

  /** Unprepared, for definitions; waits until all nodes agree on the schema. */
  async define(query: string): Promise<void> {
    await this.#ask((client) => client.execute(query, [], { prepare: false }));
  }

  /** Single statements, so many under way at once. */
  async executeAll(statements: readonly Statement[]): Promise<void> {
    await concurrently(statements, (statement) => this.execute(statement));
  }

  /** Statements by partition, in unlogged batches, several batches under way at once. */
  async writePartitions(partitions: Iterable<readonly Statement[]>): Promise<void> {
    const each = [...partitions].flatMap(batchesOf);
    if (each.length === 0) return;
    const batches = (await this.#ask(async (client) => this.#isEverywhere(client))) ? joined(each) : each;
    await concurrently(batches, async (batch) => {
      if (batch.length === 1) return this.execute(batch[0]!);
      const queries = batch.map(({ query, params }) => ({ query, params: [...params] }));
      await this.#ask((client) => client.batch(queries, { prepare: true, logged: false }));
    });
  }

  /** How many nodes of the data centre are up: what decides the number of replicas. */
  nodesUp(): Promise<number> {
    return this.#ask(async (client) => client.hosts.values().filter((host) => host.isUp()).length);
  }

  async close(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    const opened = await client?.catch(() => undefined);
    await opened?.shutdown();
  }

  /** Whether every node holds every partition, as where there are no more nodes than replicas. */
  #isEverywhere(client: Client): boolean {
    const { keyspace } = this.#options;
    const replicas = keyspace === undefined ? [] : (client.getReplicas(keyspace, ANY_PARTITION) ?? []);
    return replicas.length === client.hosts.length;
  }

  async #ask<T>(request: (client: Client) => Promise<T>): Promise<T> {
    const opened = (this.#client ??= this.#open());
    opened.catch(() => this.#giveUp(opened));
    try {
      return await request(await opened);
    } catch (error) {
      if (error instanceof cassandra.errors.NoHostAvailableError) this.#giveUp(opened);
      if (isAway(error)) throw new CassandraAway(error);
      throw error;
    }
  }

  async #open(): Promise<Client> {
    const client = new cassandra.Client(this.#options);
    client.on('log', (level: string, _source: string, message: string) => {
      if (level === 'warning' || level === 'error') this.#note(message);
    });
    try {
      await client.connect();
      return client;
    } catch (error) {
      await client.shutdown();
      throw error;
    }
  }

  /**
   * No node at all: the next request begins with a new client. One that comes back to life by itself opens its control
   * connection twice, and its shutdown forgets one of them.
   */
  #giveUp(opened: Promise<Client>): void {
    if (this.#client !== opened) return;
    this.#client = undefined;
    opened.then(
      (client) => client.shutdown().catch((error: unknown) => this.#note(String(error))),
      (error: unknown) => this.#note(String(error)),
    );
  }

  #note(message: string): void {
    this.#logger?.('debug', message, { client: 'cassandra-driver' });
  }
}

function clientOptions(options: CassandraOptions, inKeyspace: boolean): ClientOptions {
  const { policies, types: driverTypes } = cassandra;
  return {
    contactPoints: [...options.contactPoints],
    localDataCenter: options.datacenter,
    ...(inKeyspace ? { keyspace: options.keyspace } : {}),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    queryOptions: {
      prepare: true,
      isIdempotent: true,
      consistency: driverTypes.consistencies.localQuorum,
      fetchSize: ROWS_A_PAGE,
    },
    policies: {
      retry: new policies.retry.IdempotenceAwareRetryPolicy(new policies.retry.RetryPolicy()),
      reconnection: new policies.reconnection.ConstantReconnectionPolicy(RECONNECT_MS),
    },
    socketOptions: { connectTimeout: CONNECT_MS, readTimeout: ANSWER_MS, tcpNoDelay: true },
    encoding: { useUndefinedAsUnset: true },
  };
}

async function concurrently<T>(items: readonly T[], run: (item: T) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < items.length) await run(items[next++]!);
  };
  await Promise.all(Array.from({ length: Math.min(CONCURRENT_REQUESTS, items.length) }, worker));
}

function isAway(error: unknown): boolean {
  if (error instanceof cassandra.errors.NoHostAvailableError) return true;
  if (error instanceof cassandra.errors.OperationTimedOutError) return true;
  if (!(error instanceof cassandra.errors.ResponseError)) return false;
  const { unavailableException, overloaded, isBootstrapping, readTimeout, writeTimeout } =
    cassandra.types.responseErrorCodes;
  return [unavailableException, overloaded, isBootstrapping, readTimeout, writeTimeout].includes(error.code);
}
