import { eachIdRun, type ClusterEvent } from '@orrery/contracts';
import { Clients } from './clients.js';
import { markJournals, readJournal, readRun, volumeFigures, type Marks } from './journal-reading.js';
import { allRun, applyService, durability } from './many-tasks.js';
import { profilesOf, type BenchmarkOptions } from './options.js';
import type { BenchmarkResult } from './report.js';
import { SimulatedCluster, threadSeconds } from './simulated-cluster.js';
import { percentile, round } from './statistics.js';
import { turnFigures } from './turns.js';

const AGENTS = 1000;
const CLIENTS = 16;
const BURSTS = [2000, 20_000];
const STEADY_PER_SECOND = 500;
const STEADY_SECONDS = 20;
const SLICE_MS = 100;
const WARM_UP = 500;

/** Distinct services of one task each, as many small teams ask for them: all at once, then at a steady rate. */
export async function jobs(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { agents = AGENTS } = options;
  const bursts = options.tasks === undefined ? BURSTS : [Math.ceil(options.tasks / 10), options.tasks];
  const cluster = await SimulatedCluster.start({ agents, launches: 100_000, ...profilesOf(options) });
  try {
    const clients = await Clients.connect(cluster.brokers, CLIENTS);
    if (!options.cold) await burst(cluster, clients, 'warm', WARM_UP, options);
    const rates: Record<string, number> = {};
    const marks = await markJournals(cluster.log);
    const costs = await cluster.costs();
    for (const count of bursts) {
      const tookMs = await burst(cluster, clients, `burst${count}`, count, options);
      rates[`services_per_s_${count}`] = round((count / tookMs) * 1000);
    }
    const starts = await steady(cluster, clients, options);
    await clients.close();
    const spent = await costs.read();
    const turns = turnFigures(spent.turns);
    const { volumes } = await readRun(cluster.log, marks);
    const services = bursts.reduce((sum, count) => sum + count, 0) + STEADY_PER_SECOND * STEADY_SECONDS;
    return {
      name: 'jobs',
      durability,
      settings: {
        agents,
        clients: CLIENTS,
        steadyPerSecond: STEADY_PER_SECOND,
        steadySeconds: STEADY_SECONDS,
        policy: options.policy,
        warm: String(!options.cold),
        startDelays: '0.1-1 s, uniform, within the start times',
      },
      metrics: {
        services_per_s: rates[`services_per_s_${bursts.at(-1)}`]!,
        ...rates,
        start_p50_ms: round(percentile(starts, 0.5)),
        start_p99_ms: round(percentile(starts, 0.99)),
        ...volumeFigures(volumes, services),
        rss_mib: Object.fromEntries(Object.entries(spent.processes).map(([name, { rssMib }]) => [name, rssMib])),
        cpu_s: Object.fromEntries(
          Object.entries(spent.processes).map(([name, { cpuSeconds }]) => [name, round(cpuSeconds)]),
        ),
        ...threadSeconds(spent.threads),
        ...turns.metrics,
      },
      spread: {},
      beyond: turns.beyond,
    };
  } finally {
    await cluster.stop();
  }
}

/** Milliseconds from the first command to the commit with the last RUNNING. */
async function burst(
  cluster: SimulatedCluster,
  clients: Clients,
  prefix: string,
  count: number,
  options: BenchmarkOptions,
): Promise<number> {
  const marks = await markJournals(cluster.log);
  const before = (await cluster.fleet())['begun']!;
  const names = Array.from({ length: count }, (_, index) => `${prefix}-${index}`);
  const beganMs = Date.now();
  await clients.send(names.map((name) => applyService(name, 1, '*', options)));
  const startedAt = await startTimes(cluster, marks, before + count);
  return Math.max(...startedAt.values()) - beganMs;
}

/** Milliseconds from each command's arrival at the broker to the commit with its RUNNING. */
async function steady(cluster: SimulatedCluster, clients: Clients, options: BenchmarkOptions): Promise<number[]> {
  const marks = await markJournals(cluster.log);
  const before = (await cluster.fleet())['begun']!;
  const sentAt = new Map<string, number>();
  const perSlice = (STEADY_PER_SECOND * SLICE_MS) / 1000;
  const beganMs = Date.now();
  const sending: Promise<void>[] = [];
  for (let slice = 0; slice < (STEADY_SECONDS * 1000) / SLICE_MS; slice += 1) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, beganMs + slice * SLICE_MS - Date.now())));
    const names = Array.from({ length: perSlice }, (_, index) => `steady-${slice * perSlice + index}`);
    for (const name of names) sentAt.set(name, Date.now());
    sending.push(clients.send(names.map((name) => applyService(name, 1, '*', options))));
  }
  await Promise.all(sending);
  const startedAt = await startTimes(cluster, marks, before + sentAt.size);
  return Array.from(sentAt, ([name, ms]) => startedAt.get(name)! - ms);
}

/** Service → when the journal said that its task runs. The fleet is asked until they all do, then the journal is read. */
async function startTimes(
  cluster: SimulatedCluster,
  marks: Marks,
  begun: number,
): Promise<ReadonlyMap<string, number>> {
  await allRun(cluster, begun);
  return readStarts(cluster, marks);
}

async function readStarts(cluster: SimulatedCluster, marks: Marks): Promise<Map<string, number>> {
  const serviceOf = new Map<string, string>();
  const startedAt = new Map<string, number>();
  await readJournal(cluster.log, 'cluster', marks.cluster, ({ record, timestampMs }) => {
    for (const event of record.events as unknown as ClusterEvent[]) {
      if (event.type === 'LaunchAccepted') {
        eachIdRun(event.data.launches, (seq, first, last) => {
          for (let ordinal = first; ordinal <= last; ordinal += 1) {
            serviceOf.set(`${seq}.${ordinal}`, event.data.service);
          }
        });
      }
      if (event.type !== 'TasksRunning') continue;
      eachIdRun(event.data.launches, (seq, first, last) => {
        for (let ordinal = first; ordinal <= last; ordinal += 1) {
          const service = serviceOf.get(`${seq}.${ordinal}`);
          if (service !== undefined) startedAt.set(service, timestampMs);
        }
      });
    }
  });
  return startedAt;
}
