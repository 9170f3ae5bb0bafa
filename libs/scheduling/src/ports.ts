/** Inclusive ranges of port numbers: ascending, not touching one another. */
export type PortRanges = readonly (readonly [number, number])[];

/** A port by name; 0 is any free one, of these ranges where they are given. */
export interface PortNeed {
  readonly name: string;
  readonly port: number;
  readonly ranges?: PortRanges;
  /** The number after that of the port before it. */
  readonly next?: true;
}

/** Whether any of them can't simply be the lowest that is free. */
export function areSpecial(needs: readonly PortNeed[]): boolean {
  for (const { port, ranges, next } of needs) if (port !== 0 || ranges !== undefined || next === true) return true;
  return false;
}

/** Ports in a row, or a single one, by where they begin among the needs. */
export interface PortRow {
  readonly at: number;
  readonly length: number;
  readonly ranges: PortRanges | undefined;
}

/**
 * What is not fixed, in the order in which numbers are chosen: what is bound to ranges first, of those whose ranges end first;
 * then rows, the longest first; then what may be anything.
 */
export function rowsOf(needs: readonly PortNeed[]): PortRow[] {
  const rows: PortRow[] = [];
  for (let at = 0; at < needs.length; at += 1) {
    const { port, ranges } = needs[at]!;
    if (port !== 0) continue;
    let length = 1;
    while (needs[at + length]?.next === true) length += 1;
    rows.push({ at, length, ranges: ranges === undefined ? undefined : normalisePorts(ranges) });
    at += length - 1;
  }
  const endOf = ({ ranges }: PortRow) => ranges?.at(-1)?.[1] ?? Number.POSITIVE_INFINITY;
  return rows.sort((left, right) =>
    endOf(left) === endOf(right) ? right.length - left.length : endOf(left) - endOf(right),
  );
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
