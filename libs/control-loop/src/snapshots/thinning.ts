import type { EpochMs } from '@orrery/kernel';

interface Kept {
  readonly seq: number;
  readonly at: EpochMs;
}

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const MONTH_MS = 30 * DAY_MS;

/**
 * The snapshots to delete at `now`: all of the last day stay, the first of each hour of the last month, the first of each day
 * for ever. The newest stays whatever its age.
 */
export function snapshotsToDelete<Snapshot extends Kept>(snapshots: readonly Snapshot[], now: EpochMs): Snapshot[] {
  const oldestFirst = [...snapshots].sort((left, right) => left.at - right.at || left.seq - right.seq);
  const newest = oldestFirst.at(-1);
  const hours = new Set<number>();
  const days = new Set<number>();
  return oldestFirst.filter((snapshot) => {
    const age = now - snapshot.at;
    const isFirstOfHour = isNew(hours, Math.floor(snapshot.at / HOUR_MS));
    const isFirstOfDay = isNew(days, Math.floor(snapshot.at / DAY_MS));
    if (snapshot === newest || age <= DAY_MS || isFirstOfDay) return false;
    return age > MONTH_MS || !isFirstOfHour;
  });
}

function isNew(seen: Set<number>, value: number): boolean {
  if (seen.has(value)) return false;
  seen.add(value);
  return true;
}
