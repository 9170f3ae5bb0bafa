import type { NetworkUsage } from './usage.js';

/** `cpu.stat` of cgroups v2. */
export function cpuMsOfStat(text: string): number | undefined {
  const us = numberAfter(text, 'usage_usec');
  return us === undefined ? undefined : us / 1000;
}

/** `cpuacct.usage` of cgroups v1, in nanoseconds. */
export function cpuMsOfAccount(text: string): number | undefined {
  const ns = wholeNumber(text);
  return ns === undefined ? undefined : ns / 1_000_000;
}

/** The working set: all that is charged (`memory.current`, `memory.usage_in_bytes`) but files that nobody read lately. */
export function workingSetBytes(charged: string, stat: string): number | undefined {
  const all = wholeNumber(charged);
  if (all === undefined) return undefined;
  const inactive = numberAfter(stat, 'total_inactive_file') ?? numberAfter(stat, 'inactive_file') ?? 0;
  return Math.max(0, all - inactive);
}

/** `/proc/<pid>/net/dev`: all interfaces but the loopback. */
export function networkOf(text: string): NetworkUsage {
  let receivedBytes = 0;
  let sentBytes = 0;
  for (const line of text.split('\n')) {
    const [name = '', counters] = line.split(':');
    if (counters === undefined || name.trim() === 'lo') continue;
    const numbers = counters.trim().split(/\s+/).map(Number);
    receivedBytes += numbers[0] ?? 0;
    sentBytes += numbers[8] ?? 0;
  }
  return { receivedBytes, sentBytes };
}

export interface ProcessUsage {
  readonly session: number;
  readonly group: number;
  /** Its own and that of the children which it has waited for, in clock ticks. */
  readonly cpuTicks: number;
  readonly residentPages: number;
}

/** A line of `/proc/<pid>/stat`; the command name in it may hold blanks and parentheses. */
export function processUsageOf(line: string): ProcessUsage | undefined {
  const fields = line
    .slice(line.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  if (fields.length < 22) return undefined;
  const cpuTicks = fields[11]! + fields[12]! + fields[13]! + fields[14]!;
  return { group: fields[2]!, session: fields[3]!, cpuTicks, residentPages: fields[21]! };
}

function numberAfter(text: string, name: string): number | undefined {
  const found = new RegExp(`^${name} (\\d+)$`, 'm').exec(text);
  return found === null ? undefined : Number(found[1]);
}

function wholeNumber(text: string): number | undefined {
  return /^\d+\s*$/.test(text) ? Number(text) : undefined;
}
