import type { BenchmarkResult } from './report.js';

/** What an owner counts of its uninterrupted stretches of work: none may be longer than a tenth of a second. */
export const TURN_BUCKETS = 'orrery_turn_seconds_bucket';
const LIMIT_MS = 100;

/** Process → label of a bucket → turns that were at most so long, since it began. */
export type TurnCounts = Readonly<Record<string, Readonly<Record<string, number>>>>;

export interface Turns {
  /** Process → milliseconds that its longest turn was within, as fine as the buckets are. */
  readonly longestWithinMs: Readonly<Record<string, number>>;
  /** Process → turns beyond the limit. */
  readonly tooLong: Readonly<Record<string, number>>;
}

export function turnsBetween(before: TurnCounts, after: TurnCounts): Turns {
  const longestWithinMs: Record<string, number> = {};
  const tooLong: Record<string, number> = {};
  for (const [name, counts] of Object.entries(after)) {
    const atMost = cumulated(before[name] ?? {}, counts);
    const all = Math.max(...atMost.map(([, count]) => count));
    longestWithinMs[name] = Math.min(...atMost.filter(([, count]) => count === all).map(([ms]) => ms));
    tooLong[name] = all - (atMost.find(([ms]) => ms === LIMIT_MS)?.[1] ?? all);
  }
  return { longestWithinMs, tooLong };
}

/** Over all kinds of work: at most so many ms → turns. */
function cumulated(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): (readonly [ms: number, count: number])[] {
  const counts = new Map<number, number>();
  for (const [labels, count] of Object.entries(after)) {
    const bound = /le="([^"]+)"/.exec(labels)?.[1];
    if (bound === undefined) continue;
    const ms = bound === '+Inf' ? Infinity : Number(bound) * 1000;
    counts.set(ms, (counts.get(ms) ?? 0) + count - (before[labels] ?? 0));
  }
  return [...counts];
}

/** For a report: the longest turns, and what is to be said about them. */
export function turnFigures({ longestWithinMs, tooLong }: Turns): {
  readonly metrics: BenchmarkResult['metrics'];
  readonly beyond: readonly string[];
} {
  const beyond = Object.entries(tooLong).filter(([, count]) => count > 0);
  return {
    metrics: { longest_turn_within_ms: longestWithinMs },
    beyond: beyond.map(([name, count]) => `${name}: ${count} turns above ${LIMIT_MS} ms`),
  };
}
