import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { HistoryRows } from './rows.js';

const SECONDS = [0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];

/** What Prometheus reads of the historian: how far behind it is, and what it writes. */
export class HistorianMetrics {
  readonly #rows: Counter;
  readonly #seconds: Histogram;
  readonly #retries: Counter;
  readonly #lag: Gauge;
  readonly #seq: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#rows = new Counter({
      name: 'orrery_historian_rows_total',
      help: 'Rows written, by table',
      labelNames: ['table'],
      registers,
    });
    this.#seconds = new Histogram({
      name: 'orrery_historian_write_seconds',
      help: 'Time of one batch',
      buckets: SECONDS,
      registers,
    });
    this.#retries = new Counter({
      name: 'orrery_historian_retries_total',
      help: 'Batches that had to be written again',
      registers,
    });
    this.#lag = new Gauge({
      name: 'orrery_historian_lag',
      help: 'Records of the log that are not read yet',
      labelNames: ['journal'],
      registers,
    });
    this.#seq = new Gauge({
      name: 'orrery_historian_seq',
      help: 'Last commit read',
      labelNames: ['journal'],
      registers,
    });
  }

  written(rows: HistoryRows, ms: number): void {
    for (const [table, list] of Object.entries(rows) as [string, readonly unknown[]][])
      this.#rows.inc({ table }, list.length);
    this.#seconds.observe(ms / 1000);
  }

  retried(): void {
    this.#retries.inc();
  }

  progress(journals: readonly { readonly journal: string; readonly seq: number; readonly lag: number }[]): void {
    for (const { journal, seq, lag } of journals) {
      this.#lag.set({ journal }, lag);
      this.#seq.set({ journal }, seq);
    }
  }
}
