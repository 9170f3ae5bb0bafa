import { stringify } from 'yaml';
import { readEndpoints } from './endpoints.js';
import { Home } from './home.js';
import { isAlive } from './process-identity.js';
import type { Settings } from './settings.js';

export type StatusFormat = 'table' | 'json' | 'yaml';

interface ProcessStatus {
  readonly name: string;
  readonly pid: number;
  readonly state: 'running' | 'ended';
  readonly log: string;
}

interface ClusterStatus {
  readonly home: string;
  readonly launcher: number | null;
  readonly gateway: string | null;
  readonly ready: boolean;
  readonly processes: readonly ProcessStatus[];
}

/** Exit code 0 when the cluster serves, 1 when it doesn't yet, 3 when nothing runs in this home. */
export async function runStatus(settings: Settings, format: StatusFormat): Promise<number> {
  const status = await clusterStatus(new Home(settings.home));
  if (format === 'json') console.log(JSON.stringify(status));
  else if (format === 'yaml') console.log(stringify(status).trimEnd());
  else console.log(table(status));
  if (status.launcher === null) return 3;
  return status.ready ? 0 : 1;
}

async function clusterStatus(home: Home): Promise<ClusterStatus> {
  const launcher = home.holder()?.pid ?? null;
  const gateway = readEndpoints(home.endpointsFile)?.gateway ?? null;
  return {
    home: home.folder,
    launcher,
    gateway,
    ready: launcher !== null && gateway !== null && (await answersReady(gateway)),
    processes: home.recorded().map((one) => ({
      name: one.name,
      pid: one.pid,
      state: isAlive(one) ? 'running' : 'ended',
      log: home.logOf(one.name),
    })),
  };
}

async function answersReady(gateway: string): Promise<boolean> {
  try {
    return (await fetch(`${gateway}/readyz`, { signal: AbortSignal.timeout(2000) })).ok;
  } catch {
    return false; // whoever does not answer is not ready
  }
}

function table({ home, launcher, gateway, ready, processes }: ClusterStatus): string {
  if (launcher === null && processes.length === 0) return `nothing runs in ${home}`;
  const rows = [
    ['NAME', 'PID', 'STATE', 'LOG'],
    ...processes.map((one) => [one.name, String(one.pid), one.state, one.log]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  const lines = rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  return [...lines, '', `gateway ${gateway ?? '-'} ${ready ? 'ready' : 'not ready'}`].join('\n');
}
