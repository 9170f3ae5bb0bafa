/** Pod indexes as inclusive ranges, ascending and apart. */
export type IndexRanges = readonly (readonly [number, number])[];

export function countIndexes(ranges: IndexRanges): number {
  return ranges.reduce((count, [from, to]) => count + to - from + 1, 0);
}

/** The first `count` indexes, ascending. */
export function firstIndexes(ranges: IndexRanges, count: number): number[] {
  const indexes: number[] = [];
  for (const [from, to] of ranges)
    for (let index = from; index <= to; index += 1) {
      if (indexes.length >= count) return indexes;
      indexes.push(index);
    }
  return indexes;
}

/** Which of these indexes are in the ranges. */
export function indexesIn(ranges: IndexRanges, indexes: readonly number[]): number[] {
  return indexes.filter((index) => ranges.some(([from, to]) => from <= index && index <= to));
}

export function withoutIndexes(ranges: IndexRanges, indexes: readonly number[]): IndexRanges {
  if (indexes.length === 0) return ranges;
  const sorted = [...indexes].sort((left, right) => left - right);
  const left: (readonly [number, number])[] = [];
  let at = 0;
  for (const [first, last] of ranges) {
    let from = first;
    while (at < sorted.length && sorted[at]! < from) at += 1;
    for (; at < sorted.length && sorted[at]! <= last; at += 1) {
      if (sorted[at]! > from) left.push([from, sorted[at]! - 1]);
      from = sorted[at]! + 1;
    }
    if (from <= last) left.push([from, last]);
  }
  return left;
}
