import { eventually } from '@orrery/testing';
import { Clients, type OutgoingCommand } from './clients.js';
import { markJournals, readRun } from './journal-reading.js';
import { allRun, applyService, durability, uninstall } from './many-tasks.js';
import type { BenchmarkOptions } from './options.js';
import { drawCurves } from './picture.js';
import type { BenchmarkResult } from './report.js';
import { SimulatedCluster } from './simulated-cluster.js';
import { round } from './statistics.js';
import { turnFigures } from './turns.js';

const AGENTS = 2000;
const TASKS = 200_000;
const MINUTES = 5;
const PER_SECOND = 500;
const TASKS_PER_SERVICE = 50;
const CLIENTS = 16;
/** Ten seconds' worth, where none stand. */
const PASSING_MAX = 100;
const CAUGHT_UP_WITHIN_MS = 120_000;

/** A steady coming and going: each second services of 500 tasks are applied and as many are uninstalled. */
export async function churn(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { agents = AGENTS, tasks = TASKS, minutes = MINUTES } = options;
  const cluster = await SimulatedCluster.start({ agents, launches: tasks * 2 });
  try {
    const clients = await Clients.connect(cluster.brokers, CLIENTS);
    const standing = Math.ceil(tasks / TASKS_PER_SERVICE);
    const names = Array.from({ length: standing }, (_, index) => `standing-${index}`);
    await clients.send(names.map((name) => applyService(name, TASKS_PER_SERVICE, '*', options)));
    await allRun(cluster, standing * TASKS_PER_SERVICE);
    const restingMib = cluster.resident();
    const marks = await markJournals(cluster.log);
    const costs = await cluster.costs();
    const beganMs = Date.now();
    const wanted = await comeAndGo(clients, names, minutes, options);
    const sentMs = Date.now();
    await eventually(async () => (await caughtUp(cluster, standing, wanted)) || undefined, {
      withinMs: CAUGHT_UP_WITHIN_MS,
      everyMs: 100,
      what: 'everything is started and stopped',
    });
    const behindMs = Date.now() - sentMs;
    const spent = await costs.read();
    const run = await readRun(cluster.log, marks);
    await clients.close();
    drawCurves(options.out, 'churn', `churn: ${PER_SECOND} starts and stops/s at ${tasks} running`, [
      { label: 'started', points: run.running.outline(beganMs) },
      { label: 'stopped', points: run.ended.outline(beganMs) },
    ]);
    const turns = turnFigures(spent.turns);
    const lastsS = (sentMs - beganMs) / 1000;
    return {
      name: 'churn',
      durability,
      settings: { agents, tasks, minutes, perSecond: PER_SECOND, tasksPerService: TASKS_PER_SERVICE, clients: CLIENTS },
      metrics: {
        started_per_s: round(run.running.total / lastsS),
        stopped_per_s: round(run.ended.total / lastsS),
        behind_at_the_end_s: round(behindMs / 1000),
        cpu_cores: Object.fromEntries(
          Object.entries(spent.processes).map(([name, { cpuSeconds }]) => [
            name,
            round(cpuSeconds / (lastsS + behindMs / 1000)),
          ]),
        ),
        rss_mib: Object.fromEntries(Object.entries(spent.processes).map(([name, { rssMib }]) => [name, rssMib])),
        resting_rss_mib: restingMib,
        ...turns.metrics,
      },
      spread: {},
      beyond: turns.beyond,
    };
  } finally {
    await cluster.stop();
  }
}

/**
 * Sends what is due second by second, the oldest going as others come; gives how many tasks came. Where none stand, those
 * that came last go at the end, too.
 */
export async function comeAndGo(
  clients: Clients,
  standing: readonly string[],
  minutes: number,
  options: BenchmarkOptions,
): Promise<number> {
  const perSecond = PER_SECOND / TASKS_PER_SERVICE;
  const queue = [...standing];
  const kept = standing.length === 0 ? PASSING_MAX : standing.length;
  const sending: Promise<void>[] = [];
  const beganMs = Date.now();
  let made = 0;
  for (let second = 0; second < minutes * 60; second += 1) {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, beganMs + second * 1000 - Date.now())));
    const commands: OutgoingCommand[] = [];
    for (let each = 0; each < perSecond; each += 1) {
      const name = `passing-${made}`;
      made += 1;
      queue.push(name);
      commands.push(applyService(name, TASKS_PER_SERVICE, '*', options));
      if (queue.length > kept) commands.push(uninstall(queue.shift()!));
    }
    sending.push(clients.send(commands));
  }
  if (standing.length === 0) sending.push(clients.send(queue.map(uninstall)));
  await Promise.all(sending);
  return made * TASKS_PER_SERVICE;
}

async function caughtUp(cluster: SimulatedCluster, standing: number, came: number): Promise<boolean> {
  const { live, begun, untold_agents: untold } = (await cluster.fleet()) as Record<string, number>;
  return live === standing * TASKS_PER_SERVICE && begun === standing * TASKS_PER_SERVICE + came && untold === 0;
}
