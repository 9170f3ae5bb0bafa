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
