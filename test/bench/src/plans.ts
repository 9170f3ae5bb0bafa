import { eventually } from '@orrery/testing';
import { Clients, type OutgoingCommand } from './clients.js';
import { durability, progress, uninstall } from './many-tasks.js';
import { profilesOf, type BenchmarkOptions } from './options.js';
import type { BenchmarkResult } from './report.js';
import { SimulatedCluster, threadSeconds, type Costs } from './simulated-cluster.js';
import { round } from './statistics.js';
import { turnFigures } from './turns.js';

const AGENTS = 500;
const SERVICES = 1000;
const PODS = 10;
const CLIENTS = 8;
const WITHIN_MS = 900_000;
const SETTLE_MS = 10_000;
const OWNER = 'service-manager-0';

interface Listed {
  readonly version: number;
  readonly state: string;
}

/**
 * Services of ten pods with volumes are applied, updated pod by pod and uninstalled: what a step of a plan costs the
 * service-manager, and what is left of it in memory. It is lived through once before, so that code is compiled and buffers have
 * grown; `--tasks` scales the number of services.
 */
export async function plans(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { agents = AGENTS, tasks = SERVICES * PODS } = options;
  const names = Array.from({ length: Math.ceil(tasks / PODS) }, (_, index) => `stored-${index}`);
  const steps = names.length * PODS;
  const cluster = await SimulatedCluster.start({ agents, launches: steps * 6, heaps: true, ...profilesOf(options) });
  try {
    const clients = await Clients.connect(cluster.brokers, CLIENTS);
    if (!options.cold) await liveThrough(cluster, clients, names);
    const before = await settled(cluster);
    const lived = await liveThrough(cluster, clients, names);
    const after = await settled(cluster);
    await clients.close();
    const msOf = ({ costs }: Phase) => inThousandths(((costs.processes[OWNER]?.cpuSeconds ?? 0) * 1000) / steps);
    const [applied, updated, removed] = lived;
    const turns = lived.map(({ costs }) => turnFigures(costs.turns));
    return {
      name: 'plans',
      durability,
      settings: { agents, services: names.length, podsPerService: PODS, clients: CLIENTS },
      metrics: {
        cpu_ms_per_step: inThousandths((msOf(applied) + msOf(updated) + msOf(removed)) / 3),
        apply_cpu_ms_per_step: msOf(applied),
        update_cpu_ms_per_step: msOf(updated),
        remove_cpu_ms_per_step: msOf(removed),
        apply_s: applied.seconds,
        update_s: updated.seconds,
        remove_s: removed.seconds,
        live_heap_before_mib: before.heapMib,
        live_heap_after_mib: after.heapMib,
        live_heap_growth_percent: round((after.heapMib / before.heapMib - 1) * 100),
        rss_before_mib: before.rssMib,
        rss_after_mib: after.rssMib,
        rss_growth_percent: round((after.rssMib / before.rssMib - 1) * 100),
        ...threadSeconds(updated.costs.threads),
      },
      spread: {},
      beyond: turns.flatMap(({ beyond }) => beyond ?? []),
    };
  } finally {
    await cluster.stop();
  }
}

function inThousandths(value: number): number {
  return Math.round(value * 1000) / 1000;
}

interface Phase {
  readonly costs: Costs;
  readonly seconds: number;
}

async function liveThrough(
  cluster: SimulatedCluster,
  clients: Clients,
  names: readonly string[],
): Promise<readonly [Phase, Phase, Phase]> {
  const isAt = (version: number) => (services: readonly Listed[]) =>
    services.length === names.length &&
    services.every((service) => service.version === version && service.state === 'RUNNING');
  const through = async (
    what: string,
    commands: OutgoingCommand[],
    isOver: (services: readonly Listed[]) => boolean,
  ) => {
    const began = performance.now();
    const costs = await cluster.costs();
    await clients.send(commands);
    const over = async () => isOver(await listed(cluster));
    await eventually(over, { withinMs: WITHIN_MS, everyMs: 500, what: `all services are ${what}` });
    progress(`${names.length} services are ${what}`);
    return { costs: await costs.read(), seconds: round((performance.now() - began) / 1000) };
  };
  return [
    await through(
      'applied',
      names.map((name) => applyStored(name, 1)),
      isAt(1),
    ),
    await through(
      'updated',
      names.map((name) => applyStored(name, 2)),
      isAt(2),
    ),
    await through('removed', names.map(uninstall), (services) => services.length === 0),
  ];
}

/** Of at most a thousand services, which is one page. */
async function listed(cluster: SimulatedCluster): Promise<readonly Listed[]> {
  const { status, text, json } = await cluster.cluster.request('GET', `/v1/services?limit=${SERVICES}`);
  if (status !== 200) throw new Error(`GET /v1/services: ${status} ${text}`);
  return (json as { readonly items: readonly Listed[] }).items;
}

export function applyStored(name: string, edition: number): OutgoingCommand {
  const tasks = { server: { cmd: 'exec sleep 1000000', cpus: 0.05, memory: 64, env: { EDITION: String(edition) } } };
  const volumes = { data: { path: 'data', size: 64 } };
  // Otherwise most of the time would be that of pods that prove themselves.
  const update = { 'minimum-up': 0 };
  return {
    type: 'ApplyService',
    subject: name,
    body: { name, pods: { node: { count: PODS, update, volumes, tasks } } },
  };
}

/**
 * Snapshots and histories that are still being written hold memory for a moment. What is resident is more than what is
 * needed, by as much as the collector found convenient: only what lives says what removed services leave behind.
 */
async function settled(cluster: SimulatedCluster): Promise<{ readonly rssMib: number; readonly heapMib: number }> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const rssMib = cluster.resident()[OWNER] ?? 0;
  return { rssMib, heapMib: await cluster.liveHeap(OWNER) };
}
