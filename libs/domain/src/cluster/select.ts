import { countIds, eachIdRun, IdRunsBuilder, type IdRuns } from '@orrery/contracts';
import { findLaunches } from './find.js';
import { numberAt, toldOf } from './runs.js';
import { isLive, type ClusterState, type LaunchRow } from './state.js';

/** One a launch of a sequence, 1 for yes; mostly all are alike, and the sequence is taken as it is. */
export type Flags = Uint8Array | 'all';

export interface Test {
  /** A member of a run: what is told of it, and the number of its agent. */
  member(told: number, on: number): boolean;
  row(row: LaunchRow): boolean;
}

/** Which of these launches are known, live and pass the test. */
export function flagsOf(state: ClusterState, launches: IdRuns, test: Test): Flags {
  const count = countIds(launches);
  const flags = new Uint8Array(count);
  let found = 0;
  findLaunches(state, launches, {
    run: (_, run, from, to, position) => {
      for (let at = from; at < to; at += 1) {
        const told = toldOf(run, at);
        if (told === 0 || !test.member(told, numberAt(run.of.agents, at))) continue;
        flags[position + at - from] = 1;
        found += 1;
      }
    },
    row: (_, row, position) => {
      if (!isLive(row) || !test.row(row)) return;
      flags[position] = 1;
      found += 1;
    },
  });
  return found === count ? 'all' : flags;
}

export function idsWhere(launches: IdRuns, flags: Flags): IdRuns {
  if (flags === 'all') return launches;
  const ids = new IdRunsBuilder();
  eachIdRun(launches, (seq, first, last, position) => {
    for (let ordinal = first; ordinal <= last; ordinal += 1) {
      if (flags[position + ordinal - first] === 1) ids.add(seq, ordinal);
    }
  });
  return ids.runs;
}
