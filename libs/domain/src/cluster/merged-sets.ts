import { columnOf, eachIdRun, IdRunsBuilder, valueAt, type IdRuns, type TasksRun } from '@orrery/contracts';
import { assert } from '@orrery/kernel';

// What many agents tell at a time, as few sets as it takes: ids of one seq stand together, in their order.

export function mergedIds(sets: readonly IdRuns[]): IdRuns {
  const bySeq = new Map<number, number[]>();
  for (const ids of sets) {
    eachIdRun(ids, (seq, first, last) => {
      const ordinals = itemsOf(bySeq, seq);
      for (let ordinal = first; ordinal <= last; ordinal += 1) ordinals.push(ordinal);
    });
  }
  const merged = new IdRunsBuilder();
  for (const [seq, ordinals] of bySeq) {
    for (const ordinal of ordinals.sort((left, right) => left - right)) merged.add(seq, ordinal);
  }
  return merged.runs;
}

/** Those that nothing checks, and those that something does. */
export function mergedRuns(sets: readonly TasksRun[]): TasksRun[] {
  const unchecked = sets.filter(({ ready }) => ready === true);
  const checked = sets.filter(({ ready }) => ready !== true);
  return [unchecked, checked].filter((alike) => alike.length > 0).map(mergedAlike);
}

/** More than the launches that are judged together. */
const POSITIONS = 2 ** 16;

function mergedAlike(sets: readonly TasksRun[]): TasksRun {
  const [only] = sets;
  if (sets.length === 1) return only!;
  const sinceFrom = sets.reduce((least, set) => Math.min(least, set.sinceFrom), Infinity);
  const told: [since: number[], pids: number[]] = [[], []];
  // Of each launch its ordinal, and behind that where it stands in the columns: numbers sort faster than rows.
  const bySeq = new Map<number, number[]>();
  for (const set of sets) {
    const later = set.sinceFrom - sinceFrom;
    eachIdRun(set.launches, (seq, first, last, position) => {
      const begun = itemsOf(bySeq, seq);
      for (let ordinal = first; ordinal <= last; ordinal += 1) {
        const at = position + ordinal - first;
        begun.push(ordinal * POSITIONS + told[0].length);
        told[0].push(later + valueAt(set.since, at));
        told[1].push(valueAt(set.pids, at));
      }
    });
  }
  assert(told[0].length <= POSITIONS, 'more launches judged together than there may be', { count: told[0].length });
  const launches = new IdRunsBuilder();
  const [since, pids]: [number[], number[]] = [[], []];
  for (const [seq, begun] of bySeq) {
    for (const each of begun.sort((left, right) => left - right)) {
      const at = each % POSITIONS;
      launches.add(seq, Math.floor(each / POSITIONS));
      since.push(told[0][at]!);
      pids.push(told[1][at]!);
    }
  }
  const columns = { since: columnOf(since), pids: columnOf(pids) };
  return { launches: launches.runs, sinceFrom, ...columns, ...(only!.ready === true && { ready: true }) };
}

function itemsOf<Item>(bySeq: Map<number, Item[]>, seq: number): Item[] {
  let items = bySeq.get(seq);
  if (items === undefined) bySeq.set(seq, (items = []));
  return items;
}
