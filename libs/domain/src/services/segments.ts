import { eachIdRun, idOf, type IdRuns } from '@orrery/contracts';

/**
 * Ids of members by their position, as numbers side by side: position, count, seq, first ordinal of each stretch in which both
 * go up one by one; stretches ascend by position. A thousand launches that were ordered together are four numbers.
 */
export type Segments = readonly number[];

const FIELDS = 4;

export function segmentsOf(ids: IdRuns): Segments {
  const segments: number[] = [];
  eachIdRun(ids, (seq, first, last, position) => segments.push(position, last - first + 1, seq, first));
  return segments;
}

/** Calls for each stretch between two positions (the end not included), cut to them. */
export function eachSegment(
  segments: Segments,
  from: number,
  to: number,
  stretch: (position: number, count: number, seq: number, first: number) => void,
): void {
  for (let at = 0; at < segments.length; at += FIELDS) {
    const start = segments[at]!;
    const begin = Math.max(start, from);
    const end = Math.min(start + segments[at + 1]!, to);
    if (begin < end) stretch(begin, end - begin, segments[at + 2]!, segments[at + 3]! + begin - start);
  }
}

/** The stretches between two positions, told as if they began at another one. */
export function cutSegments(segments: Segments, from: number, to: number, at: number): Segments {
  const cut: number[] = [];
  eachSegment(segments, from, to, (position, count, seq, first) => cut.push(position - from + at, count, seq, first));
  return cut;
}

/** Both; they have no position in common. */
export function mergeSegments(left: Segments, right: Segments): Segments {
  if (left.length === 0) return right;
  const stretches: number[][] = [];
  for (const segments of [left, right]) {
    for (let at = 0; at < segments.length; at += FIELDS) stretches.push(segments.slice(at, at + FIELDS));
  }
  stretches.sort((one, other) => one[0]! - other[0]!);
  const merged: number[] = [];
  for (const [position, count, seq, first] of stretches as [number, number, number, number][]) {
    const last = merged.length - FIELDS;
    const length = merged[last + 1]!;
    const follows = last >= 0 && merged[last]! + length === position;
    if (follows && merged[last + 2] === seq && merged[last + 3]! + length === first) merged[last + 1] = length + count;
    else merged.push(position, count, seq, first);
  }
  return merged;
}

/** With other ids at some positions, which ascend, each of them a stretch of its own. */
export function withIds(segments: Segments, ids: Segments): Segments {
  let kept: number[] = [];
  let from = 0;
  for (let at = 0; at < ids.length; at += FIELDS) {
    kept = [...kept, ...cutSegments(segments, from, ids[at]!, from)];
    from = ids[at]! + 1;
  }
  return mergeSegments([...kept, ...cutSegments(segments, from, Number.MAX_SAFE_INTEGER, from)], ids);
}

export function idAt<Id extends string>(segments: Segments, position: number): Id | undefined {
  for (let at = 0; at < segments.length; at += FIELDS) {
    const offset = position - segments[at]!;
    if (offset < 0) return undefined;
    if (offset < segments[at + 1]!) return idOf<Id>(segments[at + 2]!, segments[at + 3]! + offset);
  }
  return undefined;
}

/** Ids that follow each other, `count` from the ordinal `first` on, at the positions from `position` on. */
export interface Found {
  readonly position: number;
  readonly count: number;
  readonly first: number;
}

/** The stretch that has this id. */
export function findId(segments: Segments, seq: number, ordinal: number): Found | undefined {
  for (let at = 0; at < segments.length; at += FIELDS) {
    const offset = ordinal - segments[at + 3]!;
    if (segments[at + 2] !== seq || offset < 0 || offset >= segments[at + 1]!) continue;
    return { position: segments[at]!, count: segments[at + 1]!, first: segments[at + 3]! };
  }
  return undefined;
}

const BUCKET_BITS = 10;

/** Under what an index files ids: so many that a run of a thousand is filed under two names, and few runs under each. */
export function bucketOf(seq: number, ordinal: number): string {
  return `${seq}.${ordinal >> BUCKET_BITS}`;
}

/** The last ordinal of the bucket that has this one. */
export function bucketEnd(ordinal: number): number {
  return ordinal | ((1 << BUCKET_BITS) - 1);
}

export function bucketsOf(all: readonly Segments[]): readonly string[] {
  const buckets = new Set<string>();
  for (const segments of all) {
    for (let at = 0; at < segments.length; at += FIELDS) {
      const [count, seq, first] = [segments[at + 1]!, segments[at + 2]!, segments[at + 3]!];
      for (let ordinal = first; ordinal < first + count; ordinal = bucketEnd(ordinal) + 1) {
        buckets.add(bucketOf(seq, ordinal));
      }
    }
  }
  return [...buckets];
}
