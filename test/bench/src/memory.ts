import { randomUUID } from 'node:crypto';
import { commandHeaders, commandTopic, commandTypeName, taskId } from '@orrery/contracts';
import { eventually, SeededRandom } from '@orrery/testing';
import { comeAndGo } from './churn.js';
import { Clients } from './clients.js';
import { allRun, applyService, durability, progress } from './many-tasks.js';
import type { BenchmarkOptions } from './options.js';
import type { BenchmarkResult } from './report.js';
import { planeOf, SimulatedCluster } from './simulated-cluster.js';

const AGENTS = 5000;
const TASKS = 1_000_000;
const TASKS_PER_SERVICE = 1000;
const RESTARTED_SHARE = 0.1;
const MINUTES = 10;
const CLIENTS = 16;
const SEED = 1;
const KILLS_AT_ONCE = 1000;
const WITHIN_MS = 900_000;
const SETTLE_MS = 10_000;

/** What a million running tasks hold: as deployed, after a tenth of them restarted at random, and after a while of churn. */
export async function memory(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { agents = AGENTS, tasks = TASKS, minutes = MINUTES } = options;
  const cluster = await SimulatedCluster.start({ agents, launches: Math.ceil(tasks * 1.3) });
  try {
    const clients = await Clients.connect(cluster.brokers, CLIENTS);
    const empty = heldBy(cluster);
    const services = Array.from({ length: Math.ceil(tasks / TASKS_PER_SERVICE) }, (_, index) => `held-${index}`);
    const count = Math.ceil(tasks / services.length);
    const all = services.length * count;
    await clients.send(services.map((name) => applyService(name, count, '*', options)));
    await allRun(cluster, all);
    const deployed = await settled(cluster);
    progress('deployed; restarting a tenth');
    const killed = await killAtRandom(cluster, services, count);
    await steady(cluster, all, all + killed);
    const restarted = await settled(cluster);
    progress(`restarted; churn for ${minutes} min`);
    await comeAndGo(clients, [], minutes, options);
    await steady(cluster, all, all + killed);
    const churned = await settled(cluster);
    await clients.close();
    return {
      name: 'memory',
      durability,
      settings: { agents, tasks: all, restarted: killed, churnMinutes: minutes, policy: options.policy },
      metrics: {
        ...figuresOf('empty', empty),
        ...figuresOf('deployed', deployed),
        ...figuresOf('restarted', restarted),
        ...figuresOf('churned', churned),
      },
      spread: {},
    };
  } finally {
    await cluster.stop();
  }
}

/** MiB by process. */
interface Held {
  readonly resident: Readonly<Record<string, number>>;
  readonly proportional: Readonly<Record<string, number>>;
}

function heldBy(cluster: SimulatedCluster): Held {
  return { resident: cluster.resident(), proportional: cluster.proportional() };
}

/** Snapshots and histories that are still being written hold memory for a moment. */
async function settled(cluster: SimulatedCluster): Promise<Held> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return heldBy(cluster);
}

function figuresOf(when: string, { resident, proportional }: Held): BenchmarkResult['metrics'] {
  return {
    [`plane_${when}_mib`]: planeOf(resident),
    [`plane_${when}_pss_mib`]: planeOf(proportional),
    [`${when}_mib`]: resident,
  };
}

/** Every launch that is wanted runs, and so many ran in all. */
async function steady(cluster: SimulatedCluster, live: number, begun: number): Promise<void> {
  const isSteady = async () => {
    const fleet = (await cluster.fleet()) as Record<string, number>;
    return fleet['live'] === live && fleet['begun']! >= begun && fleet['untold_agents'] === 0;
  };
  await eventually(isSteady, { withinMs: WITHIN_MS, everyMs: 500, what: `${live} tasks run, ${begun} ran in all` });
}

/** Their services start them again. Gives how many. */
async function killAtRandom(cluster: SimulatedCluster, services: readonly string[], count: number): Promise<number> {
  const random = new SeededRandom(SEED);
  const tasks = services.flatMap((service) =>
    Array.from({ length: count }, (_, index) => index)
      .filter(() => random.chance(RESTARTED_SHARE))
      .map((index) => taskId(service, 'node', index, 'main')),
  );
  for (let from = 0; from < tasks.length; from += KILLS_AT_ONCE) {
    const commands = tasks.slice(from, from + KILLS_AT_ONCE).map(killCommand);
    await cluster.log.publish(commandTopic('cluster'), commands);
  }
  return tasks.length;
}

function killCommand(task: string) {
  return {
    partition: 0,
    key: task,
    headers: {
      [commandHeaders.specversion]: '1.0',
      [commandHeaders.id]: randomUUID() as string,
      [commandHeaders.type]: commandTypeName('cluster', 'KillTask'),
      [commandHeaders.source]: 'bench',
      [commandHeaders.time]: new Date().toISOString(),
    },
    value: Buffer.from(JSON.stringify({ task, 'grace-secs': 1 })),
  };
}
