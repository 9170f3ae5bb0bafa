import { journalTopic } from '@orrery/contracts';
import { eventually } from '@orrery/testing';
import { Clients, type OutgoingCommand } from './clients.js';
import { HistoryWatch } from './history-watch.js';
import { lastSeqOf, markJournals, readRun, volumeFigures, type Run } from './journal-reading.js';
import { profilesOf, type BenchmarkOptions } from './options.js';
import { drawCurves } from './picture.js';
import { ProcessCosts, type Cost } from './process-costs.js';
import type { BenchmarkResult } from './report.js';
import { planeOf, SimulatedCluster, threadSeconds, type Costs } from './simulated-cluster.js';
import { round } from './statistics.js';
import { turnFigures } from './turns.js';

export interface ManyTasks {
  readonly name: string;
  readonly agents: number;
  readonly services: number;
  /** Dealt out evenly; the first services have one more where it does not come out even. */
  readonly tasks: number;
  readonly clients: number;
  /** Service k is of the role k modulo this. */
  readonly roles: number;
}

/** Small enough that the mix of machines is about half full. */
const CPUS = 0.05;
const MEMORY_MIB = 64;
const HISTORY = /^(historian|cassandra)/;
const WARM_UP_SERVICES = 100;
/** As much as it takes until compilers have seen what is hot. */
const WARM_UP_SHARE = 0.1;
const DEPLOYED_WITHIN_MS = 600_000;
export const durability = 'one broker, acks=all, no fsync per write; Cassandra commit log synced in groups, 5 ms';

/**
 * Commands for many tasks at once, over the whole way: command → Kafka → decisions → agents report RUNNING → history in
 * Cassandra. The journals are read when all is over; their broker's time stamps are the clock.
 */
export async function manyTasks(plan: ManyTasks, options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { agents, clients: clientCount, tasks } = plan;
  const cluster = await SimulatedCluster.start({ agents, launches: Math.ceil(tasks * 1.2), ...profilesOf(options) });
  try {
    const clients = await Clients.connect(cluster.brokers, clientCount);
    const emptyMib = cluster.resident();
    const emptySharedMib = cluster.proportional();
    progress(`${agents} agents are registered`);
    if (!options.cold) await warmUp(cluster, clients, plan, options);
    progress('the measurement begins');
    const measured = await deploy(cluster, clients, plan, options);
    await clients.close();
    const suffix = `${options.policy}${options.distinctPorts ? '-ports' : ''}`;
    const title = `${plan.name}: ${tasks.toLocaleString('en-US')} tasks, ${agents} agents, ${suffix}`;
    drawCurves(options.out, plan.name, title, [
      { label: 'scheduled', points: measured.run.scheduled.outline(measured.beganMs) },
      { label: 'running', points: measured.run.running.outline(measured.beganMs) },
    ]);
    return {
      name: plan.name,
      durability,
      settings: {
        agents,
        services: plan.services,
        tasksPerService: Math.round(tasks / plan.services),
        clients: clientCount,
        roles: plan.roles,
        policy: options.policy,
        distinctPorts: String(options.distinctPorts),
        warmUpTasks: options.cold ? 0 : warmUpTasks(plan) * WARM_UP_SERVICES,
        startDelays: '0.1-1 s, uniform, drawn a task',
      },
      metrics: {
        tasks,
        agents,
        ...figuresOf(measured, tasks),
        empty_rss_mib: emptyMib,
        pss_owners_and_readers_mib: planeOf(measured.proportionalMib),
        empty_pss_owners_and_readers_mib: planeOf(emptySharedMib),
      },
      spread: {},
      beyond: turnFigures(measured.costs.turns).beyond,
    };
  } finally {
    await cluster.stop();
  }
}

interface Measured {
  readonly beganMs: number;
  readonly run: Run;
  readonly historyMs: number;
  readonly costs: Costs;
  /** Until the history was complete. */
  readonly historyCosts: Readonly<Record<string, Cost>>;
  /** When the history was complete. */
  readonly proportionalMib: Readonly<Record<string, number>>;
  readonly reports: number;
  readonly reportBytes: number;
}

async function deploy(
  cluster: SimulatedCluster,
  clients: Clients,
  plan: ManyTasks,
  options: BenchmarkOptions,
): Promise<Measured> {
  const { tasks } = plan;
  const marks = await markJournals(cluster.log);
  const before = await cluster.fleet();
  const history = new HistoryWatch(cluster);
  const writing = new ProcessCosts(cluster.processes.filter(({ name }) => HISTORY.test(name)));
  const costs = await cluster.costs();
  const commands = Array.from({ length: plan.services }, (_, index) =>
    applyService(`${plan.name}-${index}`, tasksOf(index, plan), roleOf(index, plan), options),
  );
  const beganMs = Date.now();
  await clients.send(commands);
  progress(`${commands.length} commands are sent`);
  await allRun(cluster, before['begun']! + tasks);
  const spent = await costs.read();
  progress('all run; waiting for the history');
  // The journals are read when the history is complete: to read them takes a processor, too.
  const end = await lastSeqOf(cluster.log, 'cluster');
  await eventually(() => history.seq >= end, { withinMs: DEPLOYED_WITHIN_MS, what: `the history has commit ${end}` });
  const written = writing.read();
  await history.stop();
  const proportionalMib = cluster.proportional();
  const run = await readRun(cluster.log, marks);
  const lastSeq = run.seqOfRunning(tasks);
  const after = await cluster.fleet();
  return {
    beganMs,
    run,
    historyMs: history.completeAt(lastSeq),
    costs: spent,
    historyCosts: written,
    proportionalMib,
    reports: after['reports']! - before['reports']!,
    reportBytes: after['report_bytes']! - before['report_bytes']!,
  };
}

/** The fleet has begun them all, and the journal has heard so: it has grown no more since. */
export async function allRun(cluster: SimulatedCluster, begun: number): Promise<void> {
  const options = { withinMs: DEPLOYED_WITHIN_MS, everyMs: 250 };
  await eventually(async () => (await cluster.fleet())['begun']! >= begun, {
    ...options,
    what: `${begun} tasks begun`,
  });
  let last = -1;
  await eventually(
    async () => {
      const { high } = await cluster.log.bounds({ topic: journalTopic('cluster'), partition: 0 });
      const quiet = high === last && (await cluster.fleet())['untold_agents'] === 0;
      last = high;
      return quiet;
    },
    { ...options, everyMs: 500, what: 'the journal is quiet' },
  );
}

/** Code is compiled, connections are open and caches filled before anything is measured; the tasks are gone afterwards. */
async function warmUp(
  cluster: SimulatedCluster,
  clients: Clients,
  plan: ManyTasks,
  options: BenchmarkOptions,
): Promise<void> {
  const share = warmUpTasks(plan);
  const names = Array.from({ length: WARM_UP_SERVICES }, (_, index) => `warm-${index}`);
  await clients.send(names.map((name) => applyService(name, share, '*', options)));
  await allRun(cluster, WARM_UP_SERVICES * share);
  await clients.send(names.map(uninstall));
  await eventually(async () => (await cluster.services()).length === 0, {
    withinMs: DEPLOYED_WITHIN_MS,
    everyMs: 250,
    what: 'the services of the warm-up are removed',
  });
}

/** Of each of its services. */
function warmUpTasks({ tasks }: ManyTasks): number {
  return Math.ceil((tasks * WARM_UP_SHARE) / WARM_UP_SERVICES);
}

/** What takes minutes says where it is. */
export function progress(line: string): void {
  console.error(`${new Date().toISOString().slice(11, 23)}  ${line}`);
}

function tasksOf(index: number, { services, tasks }: ManyTasks): number {
  return Math.floor(tasks / services) + (index < tasks % services ? 1 : 0);
}

function roleOf(index: number, { roles }: ManyTasks): string {
  return roles === 1 ? '*' : `team-${index % roles}`;
}

export function uninstall(name: string): OutgoingCommand {
  return { type: 'UninstallService', subject: name, body: { name } };
}

/** A service of one kind of pod, all deployed at once. */
export function applyService(
  name: string,
  count: number,
  role: string,
  { policy, distinctPorts }: Pick<BenchmarkOptions, 'policy' | 'distinctPorts'>,
): OutgoingCommand {
  const ports = distinctPorts ? { ports: { http: { port: 0 } } } : {};
  const tasks = { main: { cmd: 'exec sleep 1000000', cpus: CPUS, memory: MEMORY_MIB, ...ports } };
  const body = {
    name,
    role,
    pods: { node: { count, policy, tasks } },
    plans: { deploy: { phases: { node: { pod: 'node', strategy: 'parallel' } } } },
  };
  return { type: 'ApplyService', subject: name, body };
}

function figuresOf(measured: Measured, tasks: number): BenchmarkResult['metrics'] {
  const { beganMs, costs, historyMs, run } = measured;
  const { scheduled, running } = run;
  const seconds = (ms: number) => round((ms - beganMs) / 1000);
  const byProcess = (of: (cost: Cost) => number) =>
    Object.fromEntries(Object.entries(costs.processes).map(([name, cost]) => [name, round(of(cost))]));
  return {
    scheduled_all_s: seconds(scheduled.at(tasks)),
    running_first_s: seconds(running.at(1)),
    running_p50_s: seconds(running.at(Math.ceil(tasks * 0.5))),
    running_p95_s: seconds(running.at(Math.ceil(tasks * 0.95))),
    running_p99_s: seconds(running.at(Math.ceil(tasks * 0.99))),
    running_all_s: seconds(running.at(tasks)),
    history_all_s: seconds(historyMs),
    last_decile_rate_ratio: round(scheduled.lastDecileRateRatio),
    report_events_per_task: Math.round((measured.reports / tasks) * 10_000) / 10_000,
    report_bytes_per_task: round(measured.reportBytes / tasks),
    ...volumeFigures(run.volumes, tasks),
    cpu_s: byProcess(({ cpuSeconds }) => cpuSeconds),
    history_cpu_s: Object.fromEntries(
      Object.entries(measured.historyCosts).map(([name, { cpuSeconds }]) => [name, round(cpuSeconds)]),
    ),
    ...threadSeconds(costs.threads),
    rss_mib: byProcess(({ rssMib }) => rssMib),
    ...turnFigures(costs.turns).metrics,
    rss_owners_and_readers_mib: planeOf(byProcess(({ rssMib }) => rssMib)),
  };
}
