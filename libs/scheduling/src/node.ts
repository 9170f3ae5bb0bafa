import type { Amounts } from './amounts.js';
import type { Disk, DiskNeed } from './disk-set.js';
import { normalisePorts, type PortNeed, type PortRanges } from './ports.js';

/** What a machine has, or has left. Amounts left may be negative on a machine that came back smaller. */
export interface Stock {
  readonly cpusMilli: number;
  readonly memoryMib: number;
  readonly diskMib: number;
  /** In code-unit order. */
  readonly gpuIds: readonly string[];
  readonly ports: PortRanges;
  /** Disks of their own, beside the one that is counted in `diskMib`. */
  readonly disks?: readonly Disk[];
  /** Of a stock that is free: ports beside these that are reserved for others. */
  readonly portsKept?: PortRanges;
}

/** What a machine is, whatever runs there. */
export interface Machine {
  readonly id: string;
  readonly hostname: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly faultDomain: { readonly region: string; readonly zone: string };
  readonly capacity: Stock;
}

/** A machine as scheduling sees it. */
export interface Node extends Machine {
  readonly free: Stock;
}

/** What one pod needs of one node; `diskMib` includes its volumes that are not on disks of their own. */
export interface Needs extends Amounts {
  readonly ports: readonly PortNeed[];
  /** Volumes that take disks of their own. */
  readonly disks?: readonly DiskNeed[];
}

/** A stock as declared by a machine, in the form that decisions use: ranges merged, devices in order, none twice. */
export function stockOf(declared: Stock): Omit<Stock, 'disks' | 'portsKept'> {
  return {
    cpusMilli: declared.cpusMilli,
    memoryMib: declared.memoryMib,
    diskMib: declared.diskMib,
    gpuIds: [...new Set(declared.gpuIds)].sort(),
    ports: normalisePorts(declared.ports),
  };
}

/** The amounts in a stock. */
export function amountsOf({ cpusMilli, memoryMib, diskMib, gpuIds }: Stock): Amounts {
  return { cpusMilli, memoryMib, diskMib, gpus: gpuIds.length };
}
