import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { KafkajsLog } from '@orrery/kafka';
import { eventually, RealCluster } from '@orrery/testing';
import { ProcessCosts, residentMib } from './process-costs.js';

export interface SimulatedClusterOptions {
  readonly agents: number;
  /** Launches that the fleet makes room for. */
  readonly launches: number;
  readonly knobs?: object;
  readonly environment?: Readonly<Record<string, string>>;
}

const REGISTERED_WITHIN_MS = 120_000;

/** The whole product with a simulated fleet, and what a benchmark asks of it. */
export class SimulatedCluster {
  readonly log: KafkajsLog;
  readonly #cluster: RealCluster;

  private constructor(cluster: RealCluster) {
    this.#cluster = cluster;
    this.log = new KafkajsLog({ brokers: [...cluster.endpoints.kafka], clientId: 'bench' });
  }

  /** Up, and every agent open for placements. */
  static async start({ agents, launches, knobs, environment }: SimulatedClusterOptions): Promise<SimulatedCluster> {
    const cluster = await RealCluster.start({
      agents,
      simulate: true,
      environment: { ...environment, ORRERY_SIMULATE: JSON.stringify({ launches, ...knobs }) },
    });
    const simulated = new SimulatedCluster(cluster);
    try {
      await eventually(async () => (await simulated.fleet())['registered'] === agents, {
        withinMs: REGISTERED_WITHIN_MS,
        everyMs: 200,
        what: `${agents} agents are registered`,
      });
    } catch (error) {
      const log = cluster.logOf('fleet-0') + cluster.logOf('master-0');
      await simulated.stop();
      throw new Error(`${(error as Error).message}\n${log}`, { cause: error });
    }
    return simulated;
  }

  get cluster(): RealCluster {
    return this.#cluster;
  }

  get brokers(): string[] {
    return [...this.#cluster.endpoints.kafka];
  }

  /** Every process of it and this one. */
  get processes(): readonly { readonly name: string; readonly pid: number }[] {
    return [...this.#cluster.endpoints.processes, { name: 'bench', pid: process.pid }];
  }

  costs(): ProcessCosts {
    return new ProcessCosts(this.processes);
  }

  resident(): Readonly<Record<string, number>> {
    return residentMib(this.processes);
  }

  /** Names of services that are there, the first of them. */
  async services(): Promise<readonly string[]> {
    const { status, text, json } = await this.#cluster.request('GET', '/v1/services?limit=1000');
    if (status !== 200) throw new Error(`GET /v1/services: ${status} ${text}`);
    return (json as { readonly items: readonly { readonly name: string }[] }).items.map(({ name }) => name);
  }

  /** The fleet's own counts, without their prefix. */
  async fleet(): Promise<Readonly<Record<string, number>>> {
    return this.metrics('fleet-0', 'orrery_fleet_');
  }

  /** Gauges of one process by what follows the prefix; labels are kept but for the instance. */
  async metrics(instance: string, prefix: string): Promise<Readonly<Record<string, number>>> {
    const file = join(this.#cluster.home, 'run', `${instance}.json`);
    const { url } = JSON.parse(readFileSync(file, 'utf8')) as { url: string };
    const text = await (await fetch(`${url}/metrics`)).text();
    const found: Record<string, number> = {};
    for (const line of text.split('\n')) {
      const match = /^([a-z_]+)(?:\{(.*)\})? ([-+.\deE]+)$/.exec(line);
      if (match === null || !match[1]!.startsWith(prefix)) continue;
      const labels = (match[2] ?? '').split(',').filter((each) => each !== '' && !each.startsWith('instance='));
      found[match[1]!.slice(prefix.length) + (labels.length > 0 ? `{${labels.join(',')}}` : '')] = Number(match[3]);
    }
    return found;
  }

  async stop(): Promise<void> {
    await this.log.close();
    await this.#cluster.stop();
  }
}
