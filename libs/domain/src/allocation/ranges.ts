import { countIn, mergedRanges, type Ranges } from '@orrery/contracts';

/** Sums and differences of ranges of whole numbers: inclusive, ascending, none touching the next. */

type Range = readonly [number, number];

/** The first `count` numbers. */
export function firstOf(ranges: Ranges, count: number): Ranges {
  const first: Range[] = [];
  let left = count;
  for (const [from, to] of ranges) {
    if (left <= 0) break;
    const taken = Math.min(left, to - from + 1);
    first.push([from, from + taken - 1]);
    left -= taken;
  }
  return first;
}

/** Numbers of both. */
export function common(left: Ranges, right: Ranges): Ranges {
  const both: Range[] = [];
  for (let at = 0, other = 0; at < left.length && other < right.length;) {
    const [from, to] = left[at]!;
    const [otherFrom, otherTo] = right[other]!;
    const first = Math.max(from, otherFrom);
    const last = Math.min(to, otherTo);
    if (first <= last) both.push([first, last]);
    if (to < otherTo) at += 1;
    else other += 1;
  }
  return both;
}

/** Numbers of the first that are not in the second. */
export function without(ranges: Ranges, gone: Ranges): Ranges {
  if (gone.length === 0) return ranges;
  const left: Range[] = [];
  let at = 0;
  for (const [first, last] of ranges) {
    let from = first;
    while (at < gone.length && gone[at]![1] < from) at += 1;
    for (let hole = at; hole < gone.length && gone[hole]![0] <= last; hole += 1) {
      if (gone[hole]![0] > from) left.push([from, gone[hole]![0] - 1]);
      from = gone[hole]![1] + 1;
    }
    if (from <= last) left.push([from, last]);
  }
  return left;
}

/** Any ranges, in the one form that everything here expects. */
export function normalised(ranges: Ranges): Ranges {
  let inOrder = true;
  for (let at = 1; at < ranges.length && inOrder; at += 1) inOrder = ranges[at - 1]![1] + 1 < ranges[at]![0];
  return inOrder ? ranges : mergedRanges(ranges);
}

/** Where these numbers, all of them in the ranges, stand in the sequence that the ranges are. */
export function positionsOf(ranges: Ranges, numbers: Ranges): Ranges {
  const positions: Range[] = [];
  let before = 0;
  let at = 0;
  for (const [from, to] of ranges) {
    for (; at < numbers.length && numbers[at]![0] <= to; at += 1)
      positions.push([before + numbers[at]![0] - from, before + numbers[at]![1] - from]);
    before += to - from + 1;
  }
  return normalised(positions);
}

/** The numbers that stand at these positions. */
export function numbersAt(ranges: Ranges, positions: Ranges): Ranges {
  const numbers: Range[] = [];
  let before = 0;
  let at = 0;
  for (const [from, to] of ranges) {
    const end = before + to - from;
    while (at < positions.length && positions[at]![1] < before) at += 1;
    for (let wanted = at; wanted < positions.length && positions[wanted]![0] <= end; wanted += 1) {
      const [first, last] = positions[wanted]!;
      numbers.push([from + Math.max(first, before) - before, from + Math.min(last, end) - before]);
    }
    before = end + 1;
  }
  return normalised(numbers);
}

/** Every position but these, of `count`. */
export function otherPositions(count: number, positions: Ranges): Ranges {
  return count === 0 ? [] : without([[0, count - 1]], positions);
}

export function isAll(ranges: Ranges, of: Ranges): boolean {
  return countIn(ranges) === countIn(of);
}
