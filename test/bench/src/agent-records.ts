import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { agentReportsTopic, idsIn, type AgentReport, type LaunchId } from '@orrery/contracts';
import type { KafkajsLog } from '@orrery/kafka';

/** Lanes of a local cluster with one cell. */
const LANES = 4;

/** What an agent wrote down of one launch, in its checkpoint and on its disk. */
export interface OrderRecord {
  readonly agent: string;
  /** It had the order. */
  readonly receivedMs: number;
  /** It began to make the process: by then the order is on its disk. */
  readonly begunMs: number;
}

/** What each agent wrote down of its launches, by its own checkpoint and the folders it made: launch → record. */
export function orderRecords(home: string, launches: readonly string[]): ReadonlyMap<string, OrderRecord> {
  const wanted = new Set(launches);
  const records = new Map<string, OrderRecord>();
  for (const agent of agentFolders(home)) {
    for (const [launch, receivedMs] of ordersOf(agent)) {
      if (!wanted.has(launch)) continue;
      const begunMs = statSync(join(agent, 'launches', launch)).birthtimeMs;
      records.set(launch, { agent, receivedMs, begunMs: Math.max(receivedMs, begunMs) });
    }
  }
  return records;
}

function ordersOf(agent: string): [launch: string, atMs: number][] {
  return readFileSync(join(agent, 'checkpoint.log'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"LaunchOrdered"'))
    .map((line) => (JSON.parse(line) as [number, { at: number; launch: { launch: string } }])[1])
    .map(({ at, launch }) => [launch.launch, at]);
}

function agentFolders(home: string): string[] {
  return readdirSync(join(home, 'agents')).map((agent) => join(home, 'agents', agent));
}

/** When the broker had the report that a launch runs, from now on: launch → ms. */
export async function reportsTaken(
  log: KafkajsLog,
): Promise<{ readonly taken: ReadonlyMap<string, number>; stop(): Promise<void> }> {
  const taken = new Map<string, number>();
  const partitions = Array.from({ length: LANES }, (_, partition) => ({ topic: agentReportsTopic, partition }));
  const readers = await Promise.all(
    partitions.map(async (source) =>
      log.follow(
        source,
        (await log.bounds(source)).high,
        ({ messages }) => {
          for (const { value, timestampMs } of messages) {
            const report = JSON.parse(Buffer.from(value!).toString('utf8')) as AgentReport;
            if (report.type !== 'TaskStates') continue;
            for (const { launches } of report.running ?? [])
              for (const launch of idsIn<LaunchId>(launches)) taken.set(launch, timestampMs);
          }
        },
        (error) => {
          throw error;
        },
      ),
    ),
  );
  return {
    taken,
    stop: async () => void (await Promise.all(readers.map((reader) => reader.stop()))),
  };
}
