import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentReportsTopic, idsIn, type AgentReport, type LaunchId } from '@orrery/contracts';
import type { KafkajsLog } from '@orrery/kafka';

/** Lanes of a local cluster with one cell. */
const LANES = 4;

/** When each agent had the order for a launch, by its own checkpoint: launch → ms. */
export function ordersReceived(home: string): ReadonlyMap<string, number> {
  const facts = agentFolders(home).flatMap((agent) =>
    readFileSync(join(agent, 'checkpoint.log'), 'utf8')
      .split('\n')
      .filter((line) => line.includes('"LaunchOrdered"'))
      .map((line) => (JSON.parse(line) as [number, { at: number; launch: { launch: string } }])[1]),
  );
  return new Map(facts.map(({ at, launch }) => [launch.launch, at]));
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
