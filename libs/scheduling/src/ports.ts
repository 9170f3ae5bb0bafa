import { assert } from '@orrery/kernel';

/** Inclusive ranges of port numbers: ascending, not touching one another. */
export type PortRanges = readonly (readonly [number, number])[];

/** A port by name; 0 is any free one. */
export interface PortNeed {
  readonly name: string;
  readonly port: number;
}

/** Any ranges, in the one form that everything here expects. */
export function normalisePorts(ranges: PortRanges): PortRanges {
  const merged: [number, number][] = [];
  for (const [from, to] of [...ranges].sort((left, right) => left[0] - right[0])) {
    const last = merged.at(-1);
    if (from > to) continue;
    if (last === undefined || from > last[1] + 1) merged.push([from, to]);
    else last[1] = Math.max(last[1], to);
  }
  return merged;
}

export function countPorts(ranges: PortRanges): number {
  let count = 0;
  for (const [from, to] of ranges) count += to - from + 1;
  return count;
}

export function hasPort(ranges: PortRanges, port: number): boolean {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [from, to] = ranges[middle]!;
    if (port < from) high = middle - 1;
    else if (port > to) low = middle + 1;
    else return true;
  }
  return false;
}

/** The ranges without these ports; ports that are not in them are ignored. */
export function withoutPorts(ranges: PortRanges, ports: readonly number[]): PortRanges {
  if (ports.length === 0) return ranges;
  const taken = ascending(ports);
  const left: (readonly [number, number])[] = [];
  let at = 0;
  for (const range of ranges) {
    let from = range[0];
    const to = range[1];
    while (at < taken.length && taken[at]! < from) at += 1;
    if (at >= taken.length || taken[at]! > to) {
      left.push(range);
      continue;
    }
    for (; at < taken.length && taken[at]! <= to; at += 1) {
      if (taken[at]! > from) left.push([from, taken[at]! - 1]);
      from = taken[at]! + 1;
    }
    if (from <= to) left.push([from, to]);
  }
  return left;
}

/** The ranges with these ports, of which none may be in them yet. */
export function withPorts(ranges: PortRanges, ports: readonly number[]): PortRanges {
  if (ports.length === 0) return ranges;
  const more = ascending(ports);
  const all: (readonly [number, number])[] = [];
  let at = 0;
  const add = (from: number, to: number) => {
    const last = all.at(-1);
    if (last !== undefined && from <= last[1] + 1) all[all.length - 1] = [last[0], Math.max(last[1], to)];
    else all.push([from, to]);
  };
  for (const [from, to] of ranges) {
    for (; at < more.length && more[at]! < from; at += 1) add(more[at]!, more[at]!);
    add(from, to);
  }
  for (; at < more.length; at += 1) add(more[at]!, more[at]!);
  return all;
}

/** Whether these ports could be had all at once. */
export function portsFit(free: PortRanges, needs: readonly PortNeed[]): boolean {
  if (needs.length === 0) return true;
  let wanted = needs.length;
  for (const { port } of needs) if (port !== 0 && !hasPort(free, port)) return false;
  for (const [from, to] of free) {
    wanted -= to - from + 1;
    if (wanted <= 0) return !namesTwice(needs);
  }
  return false;
}

/**
 * Numbers for `count` such pods, pod by pod in the order of their needs, added to `into`; gives the ranges that are left. The
 * fixed ones, then the lowest free ones, so that what is in use stays a few ranges. All of it must be there.
 */
export function takePorts(free: PortRanges, needs: readonly PortNeed[], count: number, into: number[]): PortRanges {
  const fixed = needs.some(({ port }) => port !== 0);
  if (!fixed) return takeLowest(free, needs.length * count, into);
  assert(count <= 1, 'fixed ports for more than one pod', { count });
  const lowest: number[] = [];
  const others = withoutPorts(
    free,
    needs.map(({ port }) => port),
  );
  const left = takeLowest(others, needs.filter(({ port }) => port === 0).length, lowest);
  let next = 0;
  for (const { port } of needs) into.push(port === 0 ? lowest[next++]! : port);
  return left;
}

function takeLowest(free: PortRanges, wanted: number, into: number[]): PortRanges {
  let left = wanted;
  for (let at = 0; at < free.length; at += 1) {
    const [from, to] = free[at]!;
    const taken = Math.min(left, to - from + 1);
    for (let port = from; port < from + taken; port += 1) into.push(port);
    left -= taken;
    if (left > 0) continue;
    if (from + taken > to) return free.slice(at + 1);
    const rest = free.slice(at);
    rest[0] = [from + taken, to];
    return rest;
  }
  assert(left === 0, 'fewer ports than were counted', { wanted, left });
  return [];
}

/** The same fixed port asked for twice can't be had on any agent. */
function namesTwice(needs: readonly PortNeed[]): boolean {
  for (let index = 0; index < needs.length; index += 1)
    for (let other = index + 1; other < needs.length; other += 1)
      if (needs[index]!.port !== 0 && needs[index]!.port === needs[other]!.port) return true;
  return false;
}

function ascending(ports: readonly number[]): readonly number[] {
  for (let index = 1; index < ports.length; index += 1)
    if (ports[index]! < ports[index - 1]!) return [...ports].sort((left, right) => left - right);
  return ports;
}
