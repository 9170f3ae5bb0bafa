import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { journalTopic, type JournalRecord } from '@orrery/contracts';
import { KafkajsLog } from '@orrery/kafka';
import { eventually, RealCluster } from '@orrery/testing';
import { acceptCommands } from './commands.js';
import { JournalTail } from './journal-tail.js';
import type { BenchmarkResult } from './report.js';
import { percentile, round, spreadOf } from './statistics.js';

const WARM_UP_COMMANDS = 2_000;
const COMMANDS = 20_000;
const SINGLE_COMMANDS = 300;
const TASKS = 30;
const RUNS = 3;

/** One figure of each kind, on the whole embedded stack: a change that halves one of them shows here first. */
export async function smoke(): Promise<BenchmarkResult> {
  const cluster = await RealCluster.start();
  const log = new KafkajsLog({ brokers: [...cluster.endpoints.kafka], clientId: 'bench' });
  try {
    await acceptCommands(log, WARM_UP_COMMANDS);
    const accepted: number[] = [];
    for (let run = 0; run < RUNS; run += 1) accepted.push((COMMANDS / (await acceptCommands(log, COMMANDS))) * 1000);
    const commitMs: number[] = [];
    for (let count = 0; count < SINGLE_COMMANDS; count += 1) commitMs.push(await acceptCommands(log, 1));
    const starts: number[][] = [];
    for (let run = 0; run < RUNS; run += 1) starts.push(await startLatencies(cluster, log));
    const folded: number[] = [];
    for (let run = 0; run < RUNS; run += 1) folded.push(await readJournal(log));
    const acceptedPerS = spreadOf(accepted);
    const foldPerS = spreadOf(folded);
    const startP99 = spreadOf(starts.map((samples) => percentile(samples, 0.99)));
    return {
      name: 'smoke',
      durability: 'one broker, acks=all, no fsync per write',
      settings: { commands: COMMANDS, singleCommands: SINGLE_COMMANDS, tasks: TASKS, runs: RUNS },
      metrics: {
        accepted_per_s: acceptedPerS.median,
        commit_p50_ms: round(percentile(commitMs, 0.5)),
        commit_p99_ms: round(percentile(commitMs, 0.99)),
        start_p50_ms: round(percentile(starts.flat(), 0.5)),
        start_p99_ms: startP99.median,
        fold_per_s: foldPerS.median,
        rss_mib: memory(cluster),
      },
      spread: { accepted_per_s: acceptedPerS, fold_per_s: foldPerS, start_p99_ms: startP99 },
    };
  } finally {
    await log.close();
    await cluster.stop();
  }
}

/** Milliseconds from the commit that accepted the scaling to the commit that says RUNNING, by the broker's clock, a task each. */
async function startLatencies(cluster: RealCluster, log: KafkajsLog): Promise<number[]> {
  const name = `sleep-${randomUUID().slice(0, 8)}`;
  const sleep = { cmd: 'exec sleep 100000', cpus: 0.01, memory: 16 };
  const spec = {
    name,
    pods: { node: { count: 3, tasks: { sleep } } },
    plans: { deploy: { phases: { node: { pod: 'node', strategy: 'parallel' } } } },
  };
  await wanted(cluster, 'PUT', `/v1/services/${name}`, spec);
  await running(cluster, name, 3);
  const services = await JournalTail.from(log, 'services');
  const tasks = await JournalTail.from(log, 'cluster');
  let acceptedMs = 0;
  const launches = new Set<string>();
  const samples: number[] = [];
  const fresh = TASKS - 3;
  services.on(({ record, timestampMs }) => {
    if (acceptedMs === 0 && record.events.some(({ type }) => type === 'ServiceApplied')) acceptedMs = timestampMs;
  });
  const done = new Promise<void>((resolve) => {
    tasks.on(({ record, timestampMs }) => {
      for (const { type, data } of record.events) {
        if (type === 'LaunchAccepted' && (data as { service: string }).service === name) {
          for (const { launch } of (data as { launches: { launch: string }[] }).launches) launches.add(launch);
        }
        if (type !== 'TasksRunning') continue;
        for (const { launch } of (data as { tasks: { launch: string }[] }).tasks) {
          if (launches.has(launch)) samples.push(timestampMs - acceptedMs);
        }
      }
      if (samples.length >= fresh) resolve();
    });
  });
  await wanted(cluster, 'POST', `/v1/services/${name}/scale`, { pod: 'node', count: TASKS });
  await done;
  await Promise.all([services.stop(), tasks.stop()]);
  await wanted(cluster, 'DELETE', `/v1/services/${name}`);
  await eventually(async () => (await cluster.request('GET', `/v1/services/${name}`)).status === 404, {
    withinMs: 60_000,
    what: `${name} is removed`,
  });
  return samples;
}

/** Events a second that a reader takes from the journal on the broker: fetched, decoded and parsed. */
async function readJournal(log: KafkajsLog): Promise<number> {
  const source = { topic: journalTopic('allocation'), partition: 0 };
  const { low, high } = await log.bounds(source);
  let events = 0;
  const began = performance.now();
  await new Promise<void>((resolve, reject) => {
    const reader = log.follow(
      source,
      low,
      ({ messages }) => {
        for (const { value, offset } of messages) {
          const record = JSON.parse(Buffer.from(value!).toString('utf8')) as JournalRecord;
          if (record.kind === 'Commit') events += record.events.length;
          if (offset === high - 1) void reader.stop();
          if (offset === high - 1) resolve();
        }
      },
      reject,
    );
  });
  return round((events / (performance.now() - began)) * 1000);
}

async function wanted(cluster: RealCluster, method: string, path: string, body?: unknown): Promise<void> {
  const answer = await cluster.request(method, path, {
    ...(body === undefined ? {} : { body }),
    headers: { prefer: 'wait=30' },
  });
  if (answer.status >= 300 || answer.status === 0)
    throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
}

async function running(cluster: RealCluster, service: string, count: number): Promise<void> {
  await eventually(
    async () => {
      const answer = await cluster.request('GET', `/v1/services/${service}`);
      const pods = (answer.json as { pods?: { node?: { running: number } } } | undefined)?.pods;
      return pods?.node?.running === count;
    },
    { withinMs: 60_000, what: `${count} tasks of ${service} run` },
  );
}

/** Resident MiB of each process of the cluster. */
function memory(cluster: RealCluster): Record<string, number> {
  return Object.fromEntries(
    cluster.endpoints.processes.map(({ name, pid }) => {
      const kib = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0';
      return [name, Math.round(Number(kib) / 1024)];
    }),
  );
}
