import { CassandraHistory } from '@orrery/cassandra';
import type { SimulatedCluster } from './simulated-cluster.js';

const EVERY_MS = 100;
/** Under which the historian keeps how far it has written. */
const PROJECTOR = 'historian';

/** Asks Cassandra ten times a second up to which commit of the cluster journal the history is written. */
export class HistoryWatch {
  readonly #seen: { readonly ms: number; readonly seq: number }[] = [];
  readonly #history: CassandraHistory;
  readonly #running: Promise<void>;
  #stopped = false;

  constructor({ cluster }: SimulatedCluster) {
    const { cassandra, datacenter, keyspace } = cluster.endpoints;
    this.#history = new CassandraHistory({ contactPoints: cassandra, datacenter, keyspace });
    this.#running = this.#run();
  }

  get seq(): number {
    return this.#seen.at(-1)?.seq ?? 0;
  }

  /** When the history was first seen complete up to this commit. */
  completeAt(seq: number): number {
    const found = this.#seen.find((each) => each.seq >= seq);
    if (found === undefined) throw new Error(`the history has not reached commit ${seq}, but ${this.seq}`);
    return found.ms;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
    await this.#history.close();
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      const positions = await this.#history.positions(PROJECTOR);
      const seq = positions.find(({ journal }) => journal === 'cluster/0')?.seq ?? 0;
      if (seq !== this.seq) this.#seen.push({ ms: Date.now(), seq });
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
}
