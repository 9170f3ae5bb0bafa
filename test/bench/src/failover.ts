import { loadavg } from 'node:os';
import { KafkajsLog } from '@orrery/kafka';
import { eventually, RealCluster } from '@orrery/testing';
import { bootLine, type BootLine } from './boot-line.js';
import { acceptCommands } from './commands.js';
import { processorTime, usedSince } from './processor-time.js';
import type { BenchmarkResult } from './report.js';
import { percentile, round } from './statistics.js';

const EVENTS_BEHIND = 100_000;
const COMMANDS_AT_ONCE = 10_000;
const KILLS = 10;
const OWNERS = ['master-0', 'allocator-0', 'service-manager-0'];

/** One kill: what it cost, and where the time went. */
interface Sample {
  /** From the kill to the sight of the next accepted command. */
  readonly accepted_ms: number;
  /** Load of the machine before the kill. */
  readonly load: number;
  readonly owners: Readonly<Record<string, BootLine>>;
  /** Processor time between the kill and the acceptance. */
  readonly processor_ms: Readonly<Record<string, number>>;
}

/**
 * kill -9 of all three owners at once, with 100,000 events in the journal: milliseconds from the kill to the sight of the next
 * accepted command, restart by the supervisor included. After each kill the state is what the journal says, by `audit verify`.
 */
export async function failover(): Promise<BenchmarkResult> {
  const cluster = await RealCluster.start();
  const log = new KafkajsLog({ brokers: [...cluster.endpoints.kafka], clientId: 'bench' });
  try {
    // Each accepted command leaves two events.
    for (let sent = 0; sent < EVENTS_BEHIND / 2; sent += COMMANDS_AT_ONCE) await acceptCommands(log, COMMANDS_AT_ONCE);
    const samples: Sample[] = [];
    for (let kill = 1; kill <= KILLS; kill += 1) {
      const sample = await killOwners(cluster, log);
      samples.push(sample);
      console.log(lineOf(kill, sample));
      await verify(cluster);
    }
    await verifyLastOwner(cluster, samples.at(-1)!);
    const accepted = samples.map(({ accepted_ms }) => accepted_ms);
    const owned = samples.map(({ owners }) => Math.max(...Object.values(owners).map(({ owning }) => owning)));
    return {
      name: 'failover',
      durability: 'one broker, acks=all, no fsync per write',
      settings: { eventsBehind: EVENTS_BEHIND, kills: KILLS },
      metrics: {
        failover_p50_ms: round(percentile(accepted, 0.5)),
        failover_p99_ms: round(percentile(accepted, 0.99)),
        all_owned_p50_ms: percentile(owned, 0.5),
        all_owned_p99_ms: percentile(owned, 0.99),
      },
      spread: { failover_p50_ms: { min: round(Math.min(...accepted)), max: round(Math.max(...accepted)) } },
      samples,
    };
  } finally {
    await log.close();
    await cluster.stop();
  }
}

async function killOwners(cluster: RealCluster, log: KafkajsLog): Promise<Sample> {
  const [load] = loadavg() as [number, number, number];
  const pids = OWNERS.map((name) => cluster.pidOf(name));
  const before = processorTime(cluster.endpoints.processes);
  const killedAtMs = Date.now();
  const began = performance.now();
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await acceptCommands(log, 1);
  const acceptedMs = performance.now() - began;
  const processorMs = usedSince(before, processorTime(cluster.endpoints.processes));
  const owners = await eventually(() => bootLines(cluster, pids, killedAtMs), {
    withinMs: 60_000,
    what: 'every owner runs again',
  });
  return { accepted_ms: round(acceptedMs), load, owners, processor_ms: processorMs };
}

function bootLines(
  cluster: RealCluster,
  killed: readonly number[],
  killedAtMs: number,
): Record<string, BootLine> | undefined {
  const lines = OWNERS.map((name): [string, BootLine | undefined] => {
    const pid = cluster.pidOf(name);
    return [name, killed.includes(pid) ? undefined : bootLine(cluster.home, name, pid, killedAtMs)];
  });
  const known = lines.filter((line): line is [string, BootLine] => line[1] !== undefined);
  return known.length === OWNERS.length ? Object.fromEntries(known) : undefined;
}

interface AuditLine {
  readonly kind: string;
  readonly journal?: string;
  readonly seq?: number;
}

/** A fold from zero of every journal, held against every snapshot on the way. */
async function verify(cluster: RealCluster): Promise<AuditLine[]> {
  const { code, stdout, stderr } = await cluster.cli('audit', 'verify', '-o', 'json');
  if (code !== 0) throw new Error(`audit verify after a kill: ${stdout}${stderr}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as AuditLine);
}

/** What the last owner made of its predecessors' snapshot and the tail shows in its own first snapshot. */
async function verifyLastOwner(cluster: RealCluster, { owners }: Sample): Promise<void> {
  const { seq: bootedAt } = owners['allocator-0']!;
  const isIts = ({ kind, journal, seq = 0 }: AuditLine): boolean =>
    kind === 'snapshot' && journal === 'allocation-0' && seq > bootedAt;
  await eventually(async () => (await verify(cluster)).some(isIts), {
    withinMs: 120_000,
    everyMs: 5_000,
    what: 'the last owner has taken a snapshot',
  });
}

function lineOf(kill: number, { accepted_ms, load, owners, processor_ms }: Sample): string {
  const ways = Object.entries(owners).map(
    ([name, { started, booting, loaded, folded, named, owning, tail }]) =>
      `  ${name.padEnd(18)} started ${started} booting ${booting} loaded ${loaded} folded ${folded} (${tail} records) named ${named} owning ${owning}`,
  );
  const users = Object.entries(processor_ms)
    .filter(([, ms]) => ms > 0)
    .map(([name, ms]) => `${name} ${ms}`);
  return [
    `kill ${kill}: ${accepted_ms} ms, load ${load.toFixed(1)}`,
    ...ways,
    `  processor ms: ${users.join(', ')}`,
  ].join('\n');
}
