import { readFileSync, writeFileSync } from 'node:fs';

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
  readonly #processes: readonly Process[];

  constructor(processes: readonly Process[]) {
    this.#processes = processes;
    for (const { pid } of processes) {
      this.#before.set(pid, cpuSeconds(pid));
      writeFileSync(`/proc/${pid}/clear_refs`, RESET_PEAK);
    }
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

/** Of all its threads, since it began. */
export function cpuSeconds(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
}

function memoryMib(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  const kib = new RegExp(`${field}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Math.round(Number(kib ?? 0) / 1024);
}
