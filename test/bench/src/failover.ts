import { KafkajsLog } from '@orrery/kafka';
import { eventually, RealCluster } from '@orrery/testing';
import { acceptCommands } from './commands.js';
import type { BenchmarkResult } from './report.js';
import { percentile, round } from './statistics.js';

const EVENTS_BEHIND = 100_000;
const COMMANDS_AT_ONCE = 10_000;
const KILLS = 10;
const STEADY_AFTER_MS = 11_000;
const OWNERS = ['master-0', 'allocator-0', 'service-manager-0'];

/**
 * kill -9 of all three owners at once, with 100,000 events in the journal: milliseconds from the kill to the sight of the next
 * accepted command, restart by the supervisor included.
 */
export async function failover(): Promise<BenchmarkResult> {
  const cluster = await RealCluster.start();
  const log = new KafkajsLog({ brokers: [...cluster.endpoints.kafka], clientId: 'bench' });
  try {
    // Each accepted command leaves two events.
    for (let sent = 0; sent < EVENTS_BEHIND / 2; sent += COMMANDS_AT_ONCE) await acceptCommands(log, COMMANDS_AT_ONCE);
    const samples: number[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const pids = OWNERS.map((name) => cluster.pidOf(name));
      const began = performance.now();
      for (const pid of pids) process.kill(pid, 'SIGKILL');
      await acceptCommands(log, 1);
      samples.push(performance.now() - began);
      await eventually(() => allRun(cluster, pids), { withinMs: 60_000, what: 'every owner runs again' });
      // A process that dies soon after its start is started again later each time: each kill is to be a first one.
      const steadyAt = performance.now() + STEADY_AFTER_MS;
      await eventually(() => performance.now() > steadyAt, {
        withinMs: 2 * STEADY_AFTER_MS,
        everyMs: 500,
        what: 'the owners are steady',
      });
    }
    const verified = await cluster.cli('audit', 'verify');
    if (verified.code !== 0) throw new Error(`audit verify after the kills: ${verified.stdout}${verified.stderr}`);
    return {
      name: 'failover',
      durability: 'one broker, acks=all, no fsync per write',
      settings: { eventsBehind: EVENTS_BEHIND, kills: KILLS },
      metrics: {
        failover_p50_ms: round(percentile(samples, 0.5)),
        failover_p99_ms: round(percentile(samples, 0.99)),
      },
      spread: { failover_p50_ms: { min: round(Math.min(...samples)), max: round(Math.max(...samples)) } },
    };
  } finally {
    await log.close();
    await cluster.stop();
  }
}

function allRun(cluster: RealCluster, killed: readonly number[]): boolean {
  return OWNERS.every((name) => !killed.includes(cluster.pidOf(name)));
}
