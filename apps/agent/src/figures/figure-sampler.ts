import { FigureTeller, type AgentMetrics, type HostFigures, type LaunchId, type MeasuredTask } from '@orrery/contracts';
import type { Clock } from '@orrery/control-loop';
import type { Runtime } from '@orrery/runtimes';
import { figuresOf, type Reading } from './rates.js';

export interface RunningTask {
  readonly launch: LaunchId;
  readonly service: string;
}

export interface FigureSamplerOptions {
  readonly clock: Clock;
  readonly runtime: Pick<Runtime, 'usage'>;
  readonly host: () => HostFigures;
  /** The tasks that run now. */
  readonly running: () => readonly RunningTask[];
  /** What every message carries; nothing while there is nobody to speak for. */
  readonly head: () => Pick<AgentMetrics, 'agent' | 'session'> | undefined;
  /** Soft: what the broker does not take is lost, and told again with the next whole round. */
  readonly send: (message: AgentMetrics) => Promise<void>;
  readonly warn: (message: string) => void;
}

const EVERY_MS = 5_000;

/** Measures what runs here every 5 s and tells what changed. One round at a time: a slow machine measures less often. */
export class FigureSampler {
  readonly #options: FigureSamplerOptions;
  readonly #teller = new FigureTeller();
  #readings = new Map<LaunchId, Reading>();
  #round = 0;
  #closed = false;
  #cancel: (() => void) | undefined;

  constructor(options: FigureSamplerOptions) {
    this.#options = options;
    this.#plan();
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
  }

  #plan(): void {
    const { clock, warn } = this.#options;
    if (this.#closed) return;
    this.#cancel = clock.after(EVERY_MS, () => {
      this.#sample()
        .catch((error: unknown) => warn(`no figures: ${error instanceof Error ? error.message : String(error)}`))
        .finally(() => this.#plan());
    });
  }

  async #sample(): Promise<void> {
    const { clock, runtime, host, running, head, send } = this.#options;
    const tasks = running();
    const usage = await runtime.usage(tasks.map(({ launch }) => launch));
    const atMs = clock.nowMs();
    const readings = new Map<LaunchId, Reading>();
    const measured = new Map<LaunchId, MeasuredTask>();
    for (const { launch, service } of tasks) {
      const used = usage.get(launch);
      if (used === undefined) continue;
      const reading = { atMs, usage: used };
      readings.set(launch, reading);
      measured.set(launch, { service, figures: figuresOf(this.#readings.get(launch), reading) });
    }
    this.#readings = readings;
    const about = head();
    if (about === undefined || this.#closed) return;
    this.#round += 1;
    const told = this.#teller.tell(measured);
    const unchanged = { whole: false, launches: [], columns: {}, gone: [] };
    const parts = told.length === 0 ? [unchanged] : told;
    for (const [at, part] of parts.entries()) {
      await send({ ...about, round: this.#round, at: atMs, ...(at === 0 && { host: host() }), ...part });
    }
  }
}
