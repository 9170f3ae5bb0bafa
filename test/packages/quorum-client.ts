import cassandra, { type Client } from 'cassandra-driver';

/** The first ones say enough. */
const FAILURES_MAX = 20;
const ROWS_AT_ONCE = 50;
const { one, quorum } = cassandra.types.consistencies;
const prepared = { prepare: true, isIdempotent: true };

/** What an application would do with a table of orders: all at QUORUM, unless it says otherwise. */
export class QuorumClient {
  readonly #client: Client;

  constructor(contactPoints: readonly string[], port: number) {
    this.#client = new cassandra.Client({
      contactPoints: [...contactPoints],
      protocolOptions: { port },
      localDataCenter: 'datacenter1',
      queryOptions: { consistency: quorum },
      socketOptions: { readTimeout: 20_000 },
    });
  }

  close(): Promise<void> {
    return this.#client.shutdown();
  }

  async createTable({ replicas }: { readonly replicas: number }): Promise<void> {
    await this.#client.execute(
      `CREATE KEYSPACE shop WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': ${replicas}}`,
    );
    await this.#client.execute('CREATE TABLE shop.orders (id int PRIMARY KEY, text text)');
  }

  async dropKeyspace(): Promise<void> {
    await this.#client.execute('DROP KEYSPACE shop');
  }

  async write(id: number): Promise<void> {
    await this.#client.execute('INSERT INTO shop.orders (id, text) VALUES (?, ?)', [id, `order ${id}`], prepared);
  }

  async fill(first: number, last: number): Promise<void> {
    for (let id = first; id <= last; id += ROWS_AT_ONCE)
      await Promise.all(
        Array.from({ length: Math.min(ROWS_AT_ONCE, last - id + 1) }, (_, offset) => this.write(id + offset)),
      );
  }

  /** Writes rows from `first` on, reading each back, until `work` is done. */
  async during(
    first: number,
    work: () => Promise<void>,
  ): Promise<{ readonly last: number; readonly failures: string[] }> {
    let working = true;
    const done = work().finally(() => (working = false));
    const failures: string[] = [];
    const failed = (what: string) => failures.length < FAILURES_MAX && failures.push(what);
    let id = first - 1;
    while (working) {
      try {
        await this.write(++id);
        const { rows } = await this.#client.execute('SELECT text FROM shop.orders WHERE id = ?', [id], prepared);
        if (rows[0]?.['text'] !== `order ${id}`) failed(`row ${id} is not read back`);
      } catch (error) {
        failed(`row ${id}: ${(error as Error).message}`);
      }
    }
    await done;
    return { last: id, failures };
  }

  async count(consistency: 'one' | 'quorum' = 'quorum'): Promise<number> {
    const options = { consistency: consistency === 'one' ? one : quorum, isIdempotent: true };
    const { rows } = await this.#client.execute('SELECT count(*) FROM shop.orders', [], options);
    return Number(rows[0]!['count']);
  }
}
