import { readFileSync } from 'node:fs';

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
  const stat = textOf(`/proc/${pid}/stat`);
  // The name in parentheses may hold anything; what follows it is split by single spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * MS_A_TICK;
}

function machineMs(): number {
  const [, user, nice, system, , , irq, softirq] = textOf('/proc/stat').split('\n', 1)[0]!.split(/\s+/).map(Number);
  return ((user ?? 0) + (nice ?? 0) + (system ?? 0) + (irq ?? 0) + (softirq ?? 0)) * MS_A_TICK;
}

function textOf(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return '';
    throw error;
  }
}
