import { Server, type CustomTransportStrategy } from '@nestjs/microservices';
import { systemClock, systemRandom } from '@orrery/control-loop';
import { KafkajsLog } from '@orrery/kafka';
import type { Telemetry } from '@orrery/telemetry';
import type { Settings } from '../settings.js';
import { Fleet } from './fleet.js';
import { fleetMetrics } from './fleet-metrics.js';
import type { Knobs } from './knobs.js';

/** Nest's transport of a simulated fleet: listening is being all of its agents. */
export class FleetServer extends Server implements CustomTransportStrategy {
  readonly #settings: Settings;
  readonly #telemetry: Telemetry;
  readonly #agents: number;
  readonly #knobs: Knobs;
  #log: KafkajsLog | undefined;
  #fleet: Fleet | undefined;

  constructor(
    settings: Settings,
    telemetry: Telemetry,
    { agents, knobs }: { readonly agents: number; readonly knobs: Knobs },
  ) {
    super();
    this.#settings = settings;
    this.#telemetry = telemetry;
    this.#agents = agents;
    this.#knobs = knobs;
  }

  listen(callback: (error?: unknown) => void): void {
    this.#listen().then(() => callback(), callback);
  }

  /** As if every machine lost its power: the tasks are gone, and nobody says so. */
  async close(): Promise<void> {
    await this.#fleet?.close();
    await this.#log?.close();
    await this.#telemetry.close();
  }

  on(): void {}

  unwrap<T>(): T {
    return this.#fleet as T;
  }

  async #listen(): Promise<void> {
    const { cell, cells, kafka, lanes, name } = this.#settings;
    this.#log = new KafkajsLog({ brokers: kafka, clientId: name, logger: this.#telemetry.lines('kafka') });
    this.#fleet = new Fleet({
      agents: this.#agents,
      knobs: this.#knobs,
      sizes: { cells, lanes },
      cell,
      log: this.#log,
      clock: systemClock,
      random: systemRandom,
      say: (level, message) => this.#telemetry.log[level](message),
    });
    fleetMetrics(this.#telemetry.registry, this.#fleet);
    await this.#fleet.begin();
    const { log } = this.#telemetry;
    log.info({ agents: this.#agents, knobs: this.#knobs }, `simulates ${this.#agents} agents`);
    await this.#telemetry.serve(() => {
      const { agents, registered } = this.#fleet!;
      return { ready: registered === agents.length, details: { agents: agents.length, registered } };
    });
  }
}
