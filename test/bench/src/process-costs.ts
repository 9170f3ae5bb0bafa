import { readdirSync, readFileSync, writeFileSync } from 'node:fs';

interface Process {
  readonly name: string;
  readonly pid: number;
}

/** What of a process a benchmark tells: processor seconds since the beginning, and the most memory that it held. */
export interface Cost {
  readonly cpuSeconds: number;
  readonly rssMib: number;
}

const TICKS_PER_SECOND = 100;
const RESET_PEAK = '5';

/** Counts from its making on, by the kernel's own accounts (Linux). */
export class ProcessCosts {
  readonly #before = new Map<number, number>();
  readonly #threadsBefore = new Map<number, ReadonlyMap<string, number>>();
  readonly #processes: readonly Process[];

  constructor(processes: readonly Process[]) {
    this.#processes = processes;
    for (const { pid } of processes) {
      this.#before.set(pid, cpuSeconds(pid));
      this.#threadsBefore.set(pid, threadSeconds(pid));
      writeFileSync(`/proc/${pid}/clear_refs`, RESET_PEAK);
    }
  }

  /** Seconds by kind of thread: what numbers their names end with is left out. */
  readThreads(): Readonly<Record<string, number>> {
    const used = new Map<string, number>();
    for (const { name, pid } of this.#processes) {
      for (const [thread, seconds] of threadSeconds(pid)) {
        const spent = seconds - (this.#threadsBefore.get(pid)?.get(thread) ?? 0);
        if (spent > 0) used.set(`${name} ${thread}`, spent);
      }
    }
    return Object.fromEntries([...used].sort(([, left], [, right]) => right - left));
  }

  /** By name; a process that is gone by now is left out. */
  read(): Readonly<Record<string, Cost>> {
    const costs: Record<string, Cost> = {};
    for (const { name, pid } of this.#processes) {
      try {
        costs[name] = { cpuSeconds: cpuSeconds(pid) - this.#before.get(pid)!, rssMib: memoryMib(pid, 'VmHWM') };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    return costs;
  }
}

/** Resident MiB of each process now. */
export function residentMib(processes: readonly Process[]): Readonly<Record<string, number>> {
  return Object.fromEntries(processes.map(({ name, pid }) => [name, memoryMib(pid, 'VmRSS')]));
}

/**
 * MiB of each process now, with what it shares with others, such as the program of Node itself, divided among them: what
 * several processes hold together is the sum.
 */
export function proportionalMib(processes: readonly Process[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    processes.map(({ name, pid }) => [name, mibIn(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'), 'Pss')]),
  );
}

function threadSeconds(pid: number): Map<string, number> {
  const seconds = new Map<string, number>();
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readIfThere(`/proc/${pid}/task/${thread}/stat`);
    if (stat === undefined) continue;
    // Those of Node are all called alike: the first one runs the program, the others compile and collect garbage.
    const name = stat.slice(stat.indexOf('(') + 1, stat.lastIndexOf(')')).replace(/[-#\s:]*\d+$/, '');
    const kind = thread === String(pid) ? 'main' : name;
    seconds.set(kind, (seconds.get(kind) ?? 0) + secondsIn(stat));
  }
  return seconds;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** Of all its threads, since it began. */
export function cpuSeconds(pid: number): number {
  return secondsIn(readFileSync(`/proc/${pid}/stat`, 'utf8'));
}

function secondsIn(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function memoryMib(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  return mibIn(readFileSync(`/proc/${pid}/status`, 'utf8'), field);
}

function mibIn(text: string, field: string): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(text)?.[1];
  return Math.round(Number(kib ?? 0) / 1024);
}
