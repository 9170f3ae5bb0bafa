import { countIds, eachIdRun, IdRunsBuilder, type IdRuns } from '@orrery/contracts';
import { findLaunches } from './find.js';
import { lastUpTo, numberAt, toldOf, type RunRow } from './runs.js';
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
  return areAll(state, launches, test) ? 'all' : flagsOfEach(state, launches, test);
}

/** Of members that have the names that they had at first: what nearly all questions are about. False: perhaps. */
function areAll({ runs }: ClusterState, launches: IdRuns, test: Test): boolean {
  for (const entry of launches) {
    const refs = runs.ofSeq(entry[0]!);
    let run: RunRow | undefined;
    let [begin, end] = [0, -1];
    for (let at = 1; at < entry.length; at += 2) {
      const [first, last] = [entry[at]!, entry[at + 1]!];
      if (run === undefined || first < begin || first > end) {
        const ref = refs[lastUpTo(refs, first)];
        if (ref === undefined) return false;
        run = runs.get(ref.key)!;
        [begin, end] = [ref.first, ref.last];
      }
      if (last > end || run.again !== undefined) return false;
      for (let member = first - begin; member <= last - begin; member += 1) {
        const told = toldOf(run, member);
        if (told === 0 || !test.member(told, numberAt(run.of.agents, member))) return false;
      }
    }
  }
  return true;
}

function flagsOfEach(state: ClusterState, launches: IdRuns, test: Test): Flags {
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
