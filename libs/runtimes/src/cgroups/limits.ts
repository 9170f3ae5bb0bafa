import type { Limits } from './cgroups.js';

export const CFS_PERIOD_US = 100_000;

/** The kernel takes no quota below a millisecond; that is a hundredth of a core. */
export function cpuQuotaUs(cpusMilli: number): number {
  return Math.max(1000, Math.round((cpusMilli * CFS_PERIOD_US) / 1000));
}

export function memoryBytes({ memoryMib }: Limits): number {
  return memoryMib * 1024 * 1024;
}

/** cpu.weight runs from 1 to 10,000 with 100 as the usual, where cpu.shares has 1,024 a core. */
export function cpuWeight(cpusMilli: number): number {
  return Math.min(10_000, Math.max(1, Math.round(cpusMilli / 10)));
}
