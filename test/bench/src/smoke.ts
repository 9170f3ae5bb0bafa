import { journalTopic, type JournalRecord } from '@orrery/contracts';
import { KafkajsLog } from '@orrery/kafka';
import { RealCluster } from '@orrery/testing';
import { acceptCommands } from './commands.js';
import { residentMib } from './process-costs.js';
import type { BenchmarkResult } from './report.js';
import { planeMs, startLatencies, type StartSample } from './start-latency.js';
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
    const starts: StartSample[][] = [];
    for (let run = 0; run < RUNS; run += 1) starts.push(await startLatencies(cluster, log, TASKS));
    const folded: number[] = [];
    for (let run = 0; run < RUNS; run += 1) folded.push(await readJournal(log));
    const acceptedPerS = spreadOf(accepted.map(round));
    const foldPerS = spreadOf(folded.map(round));
    const p99 = (ms: (sample: StartSample) => number) =>
      spreadOf(starts.map((run) => round(percentile(run.map(ms), 0.99))));
    const startP99 = p99(({ running }) => running);
    const planeP99 = p99(planeMs);
    return {
      name: 'smoke',
      durability: 'one broker, acks=all, no fsync per write',
      settings: { commands: COMMANDS, singleCommands: SINGLE_COMMANDS, tasks: TASKS, runs: RUNS },
      metrics: {
        accepted_per_s: acceptedPerS.median,
        commit_p50_ms: round(percentile(commitMs, 0.5)),
        commit_p99_ms: round(percentile(commitMs, 0.99)),
        start_p50_ms: round(
          percentile(
            starts.flat().map(({ running }) => running),
            0.5,
          ),
        ),
        start_p99_ms: startP99.median,
        plane_start_p50_ms: round(percentile(starts.flat().map(planeMs), 0.5)),
        plane_start_p99_ms: planeP99.median,
        start_stages_p99_ms: stages(starts.flat()),
        fold_per_s: foldPerS.median,
        rss_mib: residentMib(cluster.endpoints.processes),
      },
      spread: {
        accepted_per_s: acceptedPerS,
        fold_per_s: foldPerS,
        start_p99_ms: startP99,
        plane_start_p99_ms: planeP99,
      },
      samples: starts.flat(),
    };
  } finally {
    await log.close();
    await cluster.stop();
  }
}

/** How long each part of the way took, for the task of hundred that it took longest. */
function stages(starts: readonly StartSample[]): Record<string, number> {
  const p99 = (ms: (sample: StartSample) => number) => round(percentile(starts.map(ms), 0.99));
  return {
    command_to_launch: p99(({ accepted }) => accepted),
    launch_to_agent: p99(({ accepted, received }) => received - accepted),
    agent_to_process: p99(({ received, exists }) => exists - received),
    of_it_making_processes: p99(({ making }) => making),
    process_to_report: p99(({ exists, reported }) => reported - exists),
    report_to_running: p99(({ reported, running }) => running - reported),
  };
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
