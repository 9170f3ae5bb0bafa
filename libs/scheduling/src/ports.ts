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
  return normalisePorts([...ranges, ...ports.map((port) => [port, port] as const)]);
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

/** A number for each name: the fixed ones, then the lowest free ones, so that what is in use stays a few ranges. */
export function choosePorts(
  free: PortRanges,
  needs: readonly PortNeed[],
): Readonly<Record<string, number>> | undefined {
  if (!portsFit(free, needs)) return undefined;
  const chosen: Record<string, number> = {};
  const fixed = needs.filter(({ port }) => port !== 0).map(({ port }) => port);
  const rest = withoutPorts(free, fixed);
  let range = 0;
  let next = rest[0]?.[0] ?? 0;
  for (const { name, port } of needs) {
    if (port !== 0) {
      chosen[name] = port;
      continue;
    }
    chosen[name] = next;
    if (next < rest[range]![1]) next += 1;
    else next = rest[++range]?.[0] ?? 0;
  }
  return chosen;
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
