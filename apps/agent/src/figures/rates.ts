import { noFigures, type TaskFigures } from '@orrery/contracts';
import type { Usage } from '@orrery/runtimes';

/** Counters of a task and when they were read. */
export interface Reading {
  readonly atMs: number;
  readonly usage: Usage;
}

const MIB = 1024 * 1024;

/** What a task uses a second between two readings; how much it holds is that of the second one. */
export function figuresOf(before: Reading | undefined, now: Reading): TaskFigures {
  const { cpuMs, memoryBytes, diskBytes, network } = now.usage;
  const elapsedMs = before === undefined ? 0 : now.atMs - before.atMs;
  const rate = (then: number | undefined, count: number | undefined, perMs: number) =>
    then === undefined || count === undefined || elapsedMs <= 0
      ? noFigures.cpusMilli
      : Math.max(0, Math.round(((count - then) * perMs) / elapsedMs));
  return {
    ...noFigures,
    cpusMilli: rate(before?.usage.cpuMs, cpuMs, 1000),
    memoryMib: memoryBytes === undefined ? noFigures.memoryMib : Math.ceil(memoryBytes / MIB),
    diskMib: diskBytes === undefined ? noFigures.diskMib : Math.round(diskBytes / MIB),
    receivedPerS: rate(before?.usage.network?.receivedBytes, network?.receivedBytes, 1000),
    sentPerS: rate(before?.usage.network?.sentBytes, network?.sentBytes, 1000),
  };
}
