import type { SimulatedCluster } from './simulated-cluster.js';

const EVERY_MS = 100;

/** Looks ten times a second up to which commit of the cluster journal the history in Cassandra is complete. */
export class HistoryWatch {
  readonly #seen: { readonly ms: number; readonly seq: number }[] = [];
  readonly #running: Promise<void>;
  #stopped = false;

  constructor(cluster: SimulatedCluster) {
    this.#running = this.#run(cluster);
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
  }

  async #run(cluster: SimulatedCluster): Promise<void> {
    while (!this.#stopped) {
      const metrics = await cluster.metrics('historian-0', 'orrery_historian_seq');
      const seq = Object.entries(metrics).find(([labels]) => labels.includes('cluster'))?.[1] ?? 0;
      if (seq !== this.seq) this.#seen.push({ ms: Date.now(), seq });
      await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }
}
