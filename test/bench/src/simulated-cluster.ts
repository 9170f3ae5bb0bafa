import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KafkajsLog } from '@orrery/kafka';
import { eventually, RealCluster } from '@orrery/testing';
import { ProcessCosts, proportionalMib, residentMib, type Cost } from './process-costs.js';
import { round } from './statistics.js';
import { TURN_BUCKETS, turnsBetween, type TurnCounts, type Turns } from './turns.js';

export interface SimulatedClusterOptions {
  readonly agents: number;
  /** Launches that the fleet makes room for. */
  readonly launches: number;
  readonly knobs?: object;
  readonly environment?: Readonly<Record<string, string>>;
  /** Where profiles go; absent: none are taken. */
  readonly profiles?: string;
  /** Whether `liveHeap` will be asked for. */
  readonly heaps?: boolean;
}

const REGISTERED_WITHIN_MS = 120_000;
const COLLECTED_WITHIN_MS = 60_000;

const JVMS = /^(kafka|cassandra)/;
const OWNERS = /^(master|allocator|service-manager)-/;

export interface Costs {
  readonly processes: Readonly<Record<string, Cost>>;
  /** Seconds by kind of thread, when profiles are taken. */
  readonly threads: Readonly<Record<string, number>>;
  readonly turns: Turns;
}

/** The whole product with a simulated fleet, and what a benchmark asks of it. */
export class SimulatedCluster {
  readonly log: KafkajsLog;
  readonly #cluster: RealCluster;
  readonly #profiled: boolean;
  readonly #heaps: string | undefined;

  private constructor(cluster: RealCluster, profiled: boolean, heaps: string | undefined) {
    this.#cluster = cluster;
    this.#profiled = profiled;
    this.#heaps = heaps;
    this.log = new KafkajsLog({ brokers: [...cluster.endpoints.kafka], clientId: 'bench' });
  }

  /** Up, and every agent open for placements. */
  static async start(options: SimulatedClusterOptions): Promise<SimulatedCluster> {
    const { agents, launches, knobs, environment, profiles } = options;
    const heaps = options.heaps === true ? mkdtempSync(join(tmpdir(), 'orrery-heaps-')) : undefined;
    const cluster = await RealCluster.start({
      agents,
      simulate: true,
      environment: {
        ...environment,
        ...preloads(profiles, heaps),
        ORRERY_SIMULATE: JSON.stringify({ launches, ...knobs }),
      },
    });
    const simulated = new SimulatedCluster(cluster, profiles !== undefined, heaps);
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

  /** Counts, and takes profiles where they are wanted, until `read`. */
  async costs(): Promise<{ read(): Promise<Costs> }> {
    const turns = await this.#turnsOfOwners();
    const costs = new ProcessCosts(this.processes);
    this.#turnProfilers();
    return {
      read: async () => {
        const spent = { processes: costs.read(), threads: this.#profiled ? costs.readThreads() : {} };
        this.#turnProfilers();
        return { ...spent, turns: turnsBetween(turns, await this.#turnsOfOwners()) };
      },
    };
  }

  async #turnsOfOwners(): Promise<TurnCounts> {
    const owners = this.#cluster.endpoints.processes.filter(({ name }) => OWNERS.test(name));
    const counts = owners.map(async ({ name }) => [name, await this.metrics(name, TURN_BUCKETS)] as const);
    return Object.fromEntries(await Promise.all(counts));
  }

  #turnProfilers(): void {
    if (!this.#profiled) return;
    for (const { name, pid } of this.#cluster.endpoints.processes) if (!JVMS.test(name)) process.kill(pid, 'SIGUSR2');
  }

  resident(): Readonly<Record<string, number>> {
    return residentMib(this.processes);
  }

  /** The same with what processes share divided among them: of several together it is the sum. */
  proportional(): Readonly<Record<string, number>> {
    return proportionalMib(this.processes);
  }

  /** MiB of objects and buffers that a process still needs: it collects all garbage first. */
  async liveHeap(instance: string): Promise<number> {
    const { pid } = this.processes.find(({ name }) => name === instance)!;
    const file = join(this.#heaps!, `${pid}.json`);
    rmSync(file, { force: true });
    process.kill(pid, 'SIGWINCH');
    const told = () => Promise.resolve(existsSync(file));
    await eventually(told, {
      withinMs: COLLECTED_WITHIN_MS,
      everyMs: 50,
      what: `${instance} has collected its garbage`,
    });
    const { heapUsed, external } = JSON.parse(readFileSync(file, 'utf8')) as NodeJS.MemoryUsage;
    return round((heapUsed + external) / 2 ** 20);
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
    if (this.#heaps !== undefined) rmSync(this.#heaps, { recursive: true });
  }
}

/** What every Node process of the cluster loads first, and waits for its signal. */
function preloads(profiles: string | undefined, heaps: string | undefined): Readonly<Record<string, string>> {
  const files = [...(profiles === undefined ? [] : ['profiler.js']), ...(heaps === undefined ? [] : ['heap-probe.js'])];
  const folder = dirname(fileURLToPath(import.meta.url));
  return {
    ...(files.length === 0 ? {} : { NODE_OPTIONS: files.map((file) => `--import ${join(folder, file)}`).join(' ') }),
    ...(profiles === undefined ? {} : { ORRERY_BENCH_PROFILES: resolve(profiles) }),
    ...(heaps === undefined ? {} : { ORRERY_BENCH_HEAPS: heaps }),
  };
}

/** For a report; nothing where none were counted. */
export function threadSeconds(threads: Costs['threads']): { readonly thread_cpu_s?: Readonly<Record<string, number>> } {
  const told = Object.entries(threads).filter(([, seconds]) => seconds >= 0.1);
  return told.length > 0 ? { thread_cpu_s: Object.fromEntries(told.map(([name, each]) => [name, round(each)])) } : {};
}

const PLANE = /^(master|allocator|service-manager|historian|gateway)-/;

/** What owners, historian and gateway have together. */
export function planeOf(figures: Readonly<Record<string, number>>): number {
  return Object.entries(figures).reduce((sum, [name, figure]) => sum + (PLANE.test(name) ? figure : 0), 0);
}
