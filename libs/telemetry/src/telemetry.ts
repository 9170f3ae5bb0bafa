import type { LoggerService } from '@nestjs/common';
import type { LoopObserver } from '@orrery/control-loop';
import type { Logger } from 'pino';
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { loopObserver } from './loop-metrics.js';
import { lineTaker, nestLog, processLog, type LineTaker } from './process-log.js';
import type { Environment, ProcessSettings } from './process-settings.js';
import { TelemetryServer, type Health } from './telemetry-server.js';

/** What a process tells about itself: lines, metrics, health. */
export class Telemetry {
  readonly log: Logger;
  readonly registry = new Registry();
  /** For the control loop. */
  readonly observe: LoopObserver;
  /** For Nest. */
  readonly nestLog: LoggerService;
  readonly #settings: ProcessSettings;
  #server: TelemetryServer | undefined;

  constructor(settings: ProcessSettings, environment: Environment) {
    this.#settings = settings;
    this.log = processLog(settings, environment);
    this.nestLog = nestLog(this.log);
    this.registry.setDefaultLabels({ instance: settings.instance });
    collectDefaultMetrics({ register: this.registry });
    this.observe = loopObserver(this.registry, this.log);
  }

  /** For an adapter, which says more than people want to read unless they ask for it. */
  lines(part: string): LineTaker {
    return lineTaker(this.log, part);
  }

  gauge<Label extends string>(name: string, help: string, labelNames: readonly Label[]): Gauge<Label> {
    return new Gauge({ name, help, labelNames, registers: [this.registry] });
  }

  /** Serves `/metrics`, `/livez` and `/readyz`. */
  async serve(health: () => Health): Promise<void> {
    this.#server = new TelemetryServer(this.#settings, this.registry, health);
    const url = await this.#server.start();
    // With the time of the line: how long it took until the process could begin with its work.
    const startedAt = new Date(performance.timeOrigin).toISOString();
    this.log.info({ url, startedAt }, 'telemetry is served');
  }

  /** A promise that nobody awaited or an error that nobody caught is a bug: what the process knows may be wrong. */
  endOnBugs(): void {
    for (const kind of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(kind, (error: unknown) => {
        this.log.fatal({ err: error }, kind);
        process.exit(1);
      });
    }
  }

  async close(): Promise<void> {
    await this.#server?.stop();
  }
}
