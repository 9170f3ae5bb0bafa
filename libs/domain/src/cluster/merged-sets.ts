import { columnOf, eachIdRun, IdRunsBuilder, valueAt, type IdRuns, type TasksRun } from '@orrery/contracts';

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

interface Begun {
  readonly ordinal: number;
  readonly since: number;
  readonly pid: number;
}

function mergedAlike(sets: readonly TasksRun[]): TasksRun {
  const [only] = sets;
  if (sets.length === 1) return only!;
  const sinceFrom = sets.reduce((least, set) => Math.min(least, set.sinceFrom), Infinity);
  const bySeq = new Map<number, Begun[]>();
  for (const set of sets) {
    const later = set.sinceFrom - sinceFrom;
    eachIdRun(set.launches, (seq, first, last, position) => {
      const begun = itemsOf(bySeq, seq);
      for (let ordinal = first; ordinal <= last; ordinal += 1) {
        const at = position + ordinal - first;
        begun.push({ ordinal, since: later + valueAt(set.since, at), pid: valueAt(set.pids, at) });
      }
    });
  }
  const launches = new IdRunsBuilder();
  const [since, pids]: [number[], number[]] = [[], []];
  for (const [seq, begun] of bySeq) {
    for (const each of begun.sort((left, right) => left.ordinal - right.ordinal)) {
      launches.add(seq, each.ordinal);
      since.push(each.since);
      pids.push(each.pid);
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
