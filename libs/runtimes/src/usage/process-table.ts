import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { networkOf, processUsageOf } from './usage-files.js';
import type { NetworkUsage } from './usage.js';

/** The kernel's USER_HZ, which is 100 on every architecture that Node runs on. */
const TICK_MS = 10;
const PAGE_BYTES = 4096;

export interface SessionUsage {
  readonly cpuMs: number;
  readonly memoryBytes: number;
}

/** All processes of this machine, added up by session: one walk for all tasks that have no cgroup to count them. */
export function usageBySession(): ReadonlyMap<number, SessionUsage> {
  const sessions = new Map<number, SessionUsage>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const usage = processUsageOf(readOrNothing(`/proc/${name}/stat`) ?? '');
    if (usage === undefined) continue;
    const sum = sessions.get(usage.session) ?? { cpuMs: 0, memoryBytes: 0 };
    sessions.set(usage.session, {
      cpuMs: sum.cpuMs + usage.cpuTicks * TICK_MS,
      memoryBytes: sum.memoryBytes + usage.residentPages * PAGE_BYTES,
    });
  }
  return sessions;
}

/** What passed the network of a process, unless that is the network of this one and so of everybody. */
export function ownNetworkOf(pid: number): NetworkUsage | undefined {
  const its = linkOrNothing(`/proc/${pid}/ns/net`);
  if (its === undefined || its === linkOrNothing('/proc/self/ns/net')) return undefined;
  const text = readOrNothing(`/proc/${pid}/net/dev`);
  return text === undefined ? undefined : networkOf(text);
}

function readOrNothing(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return undefined; // it ended, or belongs to somebody else: not counted
  }
}

function linkOrNothing(file: string): string | undefined {
  try {
    return readlinkSync(file);
  } catch {
    return undefined; // it ended, or belongs to somebody else: not counted
  }
}
