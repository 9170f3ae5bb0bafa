/** Places in the order in which they were chosen: so many pods on a node, what they hold pod by pod. */
export class Picks {
  readonly numbers: number[] = [];
  readonly counts: number[] = [];
  /** Pod by pod, in the order of the needs. */
  readonly ports: number[] = [];
  /** Pod by pod, where devices are asked for. */
  readonly gpuIds: (readonly string[])[] = [];
  /** Pod by pod, names of the disks that were taken for its volumes, where some are asked for. */
  readonly disks: (readonly string[])[] = [];
  /** Pods in all. */
  count = 0;

  add(number: number, count: number): void {
    this.numbers.push(number);
    this.counts.push(count);
    this.count += count;
  }

  addAll(other: Picks): void {
    for (const number of other.numbers) this.numbers.push(number);
    for (const count of other.counts) this.counts.push(count);
    for (const port of other.ports) this.ports.push(port);
    for (const ids of other.gpuIds) this.gpuIds.push(ids);
    for (const names of other.disks) this.disks.push(names);
    this.count += other.count;
  }
}

/** Pods sorted by node: each node in one run, what its pods hold in columns. */
export interface Runs {
  readonly numbers: readonly number[];
  readonly counts: readonly number[];
  /** One column a port of the needs. */
  readonly ports: readonly (readonly number[])[];
  readonly gpuIds: readonly (readonly string[])[];
  readonly disks: readonly (readonly string[])[];
}

/** The same places, so that each node stands in one run and numbers ascend. */
export function runsOf(picks: Picks, portsEach: number): Runs {
  const order = orderOf(picks.numbers);
  const starts = startsOf(picks.counts);
  const numbers: number[] = [];
  const counts: number[] = [];
  const ports: number[][] = Array.from({ length: portsEach }, () => []);
  const gpuIds: (readonly string[])[] = [];
  const disks: (readonly string[])[] = [];
  for (const pick of order) {
    const number = picks.numbers[pick]!;
    const count = picks.counts[pick]!;
    if (numbers.length > 0 && numbers[numbers.length - 1] === number) counts[counts.length - 1]! += count;
    else {
      numbers.push(number);
      counts.push(count);
    }
    const from = starts[pick]!;
    for (let pod = from; pod < from + count; pod += 1) {
      for (let port = 0; port < portsEach; port += 1) ports[port]!.push(picks.ports[pod * portsEach + port]!);
      if (picks.gpuIds.length > 0) gpuIds.push(picks.gpuIds[pod]!);
      if (picks.disks.length > 0) disks.push(picks.disks[pod]!);
    }
  }
  return { numbers, counts, ports, gpuIds, disks };
}

/** Positions of the numbers in ascending order, equal ones as they stand. */
function orderOf(numbers: readonly number[]): Iterable<number> {
  let sorted = true;
  for (let at = 1; at < numbers.length && sorted; at += 1) sorted = numbers[at - 1]! <= numbers[at]!;
  if (sorted) return numbers.keys();
  const keys = new Float64Array(numbers.length);
  for (let at = 0; at < numbers.length; at += 1) keys[at] = numbers[at]! * POSITIONS + at;
  keys.sort();
  for (let at = 0; at < keys.length; at += 1) keys[at]! %= POSITIONS;
  return keys;
}

const POSITIONS = 2 ** 21;

function startsOf(counts: readonly number[]): number[] {
  let start = 0;
  return counts.map((count) => {
    const from = start;
    start += count;
    return from;
  });
}
