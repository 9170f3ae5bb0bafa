import { readFileSync } from 'node:fs';
import { cpuSeconds } from './process-costs.js';

/** What /proc counts in, on every Linux. */
const MS_A_TICK = 10;

/** Milliseconds of processor time so far: of single processes, and of the whole machine. */
export interface ProcessorTime {
  readonly ofProcesses: ReadonlyMap<string, number>;
  readonly machineMs: number;
}

export function processorTime(processes: readonly { readonly name: string; readonly pid: number }[]): ProcessorTime {
  const all = [...processes, { name: 'bench', pid: process.pid }];
  return { ofProcesses: new Map(all.map(({ name, pid }) => [name, usedMs(pid)])), machineMs: machineMs() };
}

/** Who used how much since then, the greatest first; `others` is what no process of the cluster used. */
export function usedSince(before: ProcessorTime, now: ProcessorTime): Record<string, number> {
  // One that was killed and started again began at zero.
  const used = [...now.ofProcesses].map(([name, ms]): [string, number] => {
    const had = before.ofProcesses.get(name) ?? 0;
    return [name, ms >= had ? ms - had : ms];
  });
  const known = used.reduce((sum, [, ms]) => sum + ms, 0);
  used.push(['others', Math.max(0, now.machineMs - before.machineMs - known)]);
  return Object.fromEntries(used.sort(([, left], [, right]) => right - left));
}

function usedMs(pid: number): number {
  try {
    return Math.round(cpuSeconds(pid) * 1000);
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return 0;
    throw error;
  }
}

function machineMs(): number {
  const [, user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]!
    .split(/\s+/)
    .map(Number);
  return ((user ?? 0) + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0)) * MS_A_TICK;
}
