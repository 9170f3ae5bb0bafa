import type { Amounts } from './amounts.js';
import { choosePorts, countPorts, hasPort, normalisePorts, portsFit, withoutPorts, withPorts } from './ports.js';
import type { PortNeed, PortRanges } from './ports.js';

/** What a machine has, or has left. Amounts left may be negative on a machine that came back smaller. */
export interface Stock {
  readonly cpusMilli: number;
  readonly memoryMib: number;
  readonly diskMib: number;
  /** In code-unit order. */
  readonly gpuIds: readonly string[];
  readonly ports: PortRanges;
}

/** A machine as scheduling sees it: an immutable value, replaced when something is taken. */
export interface Node {
  /** Breaks ties: of two equal nodes the one with the smaller id is chosen. */
  readonly id: string;
  readonly hostname: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly faultDomain: { readonly region: string; readonly zone: string };
  readonly capacity: Stock;
  readonly free: Stock;
}

/** What one pod needs of one node; disk includes its volumes. */
export interface Needs extends Amounts {
  readonly ports: readonly PortNeed[];
}

/** What a pod was given beside its amounts. */
export interface Holding {
  readonly ports: Readonly<Record<string, number>>;
  readonly gpuIds: readonly string[];
}

/** Amounts, ports and devices of any number of pods together. */
export interface Bulk extends Amounts {
  readonly ports: readonly number[];
  readonly gpuIds: readonly string[];
}

/** Whether one pod fits, all resources at once (the multi-resource fit of Kubernetes' NodeResourcesFit). */
export function fits(free: Stock, needs: Needs): boolean {
  return (
    (needs.cpusMilli <= free.cpusMilli || needs.cpusMilli === 0) &&
    (needs.memoryMib <= free.memoryMib || needs.memoryMib === 0) &&
    (needs.diskMib <= free.diskMib || needs.diskMib === 0) &&
    (needs.gpus <= free.gpuIds.length || needs.gpus === 0) &&
    portsFit(free.ports, needs.ports)
  );
}

/** How many such pods fit, up to `countMax`. */
export function fitCount(free: Stock, needs: Needs, countMax: number): number {
  if (!fits(free, needs)) return 0;
  const fixed = needs.ports.filter(({ port }) => port !== 0);
  if (fixed.length > 0) return Math.min(1, countMax);
  let count = countMax;
  if (needs.cpusMilli > 0) count = Math.min(count, Math.floor(free.cpusMilli / needs.cpusMilli));
  if (needs.memoryMib > 0) count = Math.min(count, Math.floor(free.memoryMib / needs.memoryMib));
  if (needs.diskMib > 0) count = Math.min(count, Math.floor(free.diskMib / needs.diskMib));
  if (needs.gpus > 0) count = Math.min(count, Math.floor(free.gpuIds.length / needs.gpus));
  if (needs.ports.length > 0) count = Math.min(count, Math.floor(countPorts(free.ports) / needs.ports.length));
  return count;
}

/** Ports and devices for `count` pods, which must fit: lowest numbers first, one holding a pod. */
export function holdingsFor(free: Stock, needs: Needs, count: number): Holding[] {
  const holdings: Holding[] = [];
  let ports = free.ports;
  for (let pod = 0; pod < count; pod += 1) {
    const chosen = needs.ports.length === 0 ? NO_PORTS : choosePorts(ports, needs.ports);
    if (chosen === undefined) break;
    if (needs.ports.length > 0) ports = withoutPorts(ports, Object.values(chosen));
    holdings.push({ ports: chosen, gpuIds: free.gpuIds.slice(pod * needs.gpus, (pod + 1) * needs.gpus) });
  }
  return holdings;
}

/** What holdings of the same needs come to. */
export function bulkOf(needs: Amounts, holdings: readonly Holding[]): Bulk {
  const count = holdings.length;
  return {
    cpusMilli: needs.cpusMilli * count,
    memoryMib: needs.memoryMib * count,
    diskMib: needs.diskMib * count,
    gpus: needs.gpus * count,
    ports: holdings.flatMap((holding) => Object.values(holding.ports)),
    gpuIds: holdings.flatMap((holding) => holding.gpuIds),
  };
}

export function take(free: Stock, bulk: Bulk): Stock {
  return {
    cpusMilli: free.cpusMilli - bulk.cpusMilli,
    memoryMib: free.memoryMib - bulk.memoryMib,
    diskMib: free.diskMib - bulk.diskMib,
    gpuIds: bulk.gpuIds.length === 0 ? free.gpuIds : free.gpuIds.filter((id) => !bulk.gpuIds.includes(id)),
    ports: withoutPorts(free.ports, bulk.ports),
  };
}

/** Ports and devices that the machine no longer has are not given back. */
export function giveBack(free: Stock, bulk: Bulk, capacity: Stock): Stock {
  const ports = bulk.ports.filter((port) => hasPort(capacity.ports, port));
  const gpuIds = bulk.gpuIds.filter((id) => capacity.gpuIds.includes(id));
  return {
    cpusMilli: free.cpusMilli + bulk.cpusMilli,
    memoryMib: free.memoryMib + bulk.memoryMib,
    diskMib: free.diskMib + bulk.diskMib,
    gpuIds: gpuIds.length === 0 ? free.gpuIds : [...free.gpuIds, ...gpuIds].sort(),
    ports: withPorts(free.ports, ports),
  };
}

/** A stock as declared by a machine, in the form that decisions use: ranges merged, devices in order, none twice. */
export function stockOf(declared: Stock): Stock {
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

const NO_PORTS: Readonly<Record<string, number>> = {};
