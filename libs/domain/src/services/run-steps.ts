import type { Ranges } from '@orrery/contracts';
import { dropMembers, rowsIn } from './pods.js';
import { recipeAt } from './recipe.js';
import { breakOutAll, isolate, membersOf, putRun, runAt, spansIn } from './run-rows.js';
import { isPod, memberAt, newRun, PLACING, RUN_LENGTH_MAX, RUN_LENGTH_MIN, type RunRow } from './runs.js';
import { isUp } from './tallies.js';
import { podKey, type PhaseRow, type PodRow, type ServiceRow, type ServicesRows } from './state.js';

/** Parts of ranges. */
export type Range = readonly [number, number];

/** Marks pods in runs as those of started steps. Who can't stay with the others is made a row, and is marked as such later. */
export function startStepsOfRuns(
  rows: ServicesRows,
  service: ServiceRow,
  phase: PhaseRow,
  ranges: Ranges,
  step: string,
): void {
  for (const span of spansIn(rows, service.name, phase.pod, ranges)) {
    const own = isolate(rows, span);
    if (own === undefined || own.run.pods === 0) continue;
    const { key, run } = own;
    // Some of it are ending for a reason of their own, and the others would be told apart from them without their step.
    const isMixed = phase.action === 'decommission' && run.stopReason !== null;
    if (phase.action === 'restart' || isMixed) breakOutAll(rows, key, run, membersOf(rows, run));
    else if (phase.action === 'decommission') putRun(rows, key, { ...run, step });
    else bringOn(rows, service, key, run, { step, proves: phase.minimumUpMs !== undefined });
  }
}

/** Members that run what is wanted, under whatever version, stay together. */
function bringOn(
  rows: ServicesRows,
  service: ServiceRow,
  key: string,
  run: RunRow,
  { step, proves }: { readonly step: string; readonly proves: boolean },
): void {
  const recipe = service.recipes[run.pod] ?? service.version;
  const same = recipe === run.recipe || runsAlike(rows, run, recipe);
  const apart = membersOf(rows, run).filter((row) => {
    const { status, request } = row;
    if (!same || status === 'stopping' || (recipe !== run.recipe && request !== undefined)) return true;
    return proves && !isUp(row);
  });
  breakOutAll(rows, key, run, apart);
  const left = rows.runs.get(key);
  if (left !== undefined && left.pods > 0) putRun(rows, key, { ...left, step, recipe });
}

function runsAlike(rows: ServicesRows, { service, pod, recipe }: RunRow, wanted: number): boolean {
  const before = recipeAt(rows, service, recipe, pod);
  return before !== undefined && before.runDigest === recipeAt(rows, service, wanted, pod)?.runDigest;
}

/** New pods where there are none: runs where they are many and alike; gives the indexes of those that are to be rows. */
export function createRuns(
  rows: ServicesRows,
  service: ServiceRow,
  pod: string,
  ranges: Ranges,
  step: string,
): Range[] {
  const recipe = service.recipes[pod] ?? service.version;
  if (!mayBeRun(rows, service.name, recipe, pod)) return [...ranges];
  const left: Range[] = [];
  for (const range of ranges) {
    for (const [first, last] of cutAtBorders(range)) {
      const taken = spansIn(rows, service.name, pod, [[first, last]]).length > 0;
      if (taken || last - first + 1 < RUN_LENGTH_MIN) left.push([first, last]);
      else {
        const run = newRun(service.name, pod, first, last - first + 1, recipe);
        rows.runs.put(podKey(service.name, pod, first), { ...run, step });
      }
    }
  }
  return left;
}

/** Data and devices are different for each pod, so those that have any are rows; so are those that are launched each by itself. */
export function mayBeRun(rows: ServicesRows, service: string, version: number, pod: string): boolean {
  const recipe = recipeAt(rows, service, version, pod);
  return recipe !== undefined && recipe.plain && recipe.needs.volumes.length === 0 && recipe.needs.gpus === 0;
}

function cutAtBorders([first, last]: Range): Range[] {
  const parts: Range[] = [];
  for (let from = first; from <= last;) {
    const to = Math.min(last, from - (from % RUN_LENGTH_MAX) + RUN_LENGTH_MAX - 1);
    parts.push([from, to]);
    from = to + 1;
  }
  return parts;
}

/** Those of these indexes that are no pod, in runs or as rows. */
export function absentIn(rows: ServicesRows, service: string, pod: string, ranges: Ranges): Range[] {
  const present: Range[] = [];
  for (const { run, from, to } of spansIn(rows, service, pod, ranges)) {
    for (const [first, last] of stretchesOf(run, from, to, isPod)) present.push([first, last]);
  }
  for (const { index } of rowsIn(rows, service, pod, ranges)) present.push([index, index]);
  present.sort(([left], [right]) => left - right);
  return without(ranges, present);
}

/** Indexes of members of a kind, between two positions. */
export function stretchesOf(
  run: RunRow,
  from: number,
  to: number,
  holds: (code: number, position: number) => boolean,
): Range[] {
  const stretches: Range[] = [];
  let begin = -1;
  for (let position = from; position <= to + 1; position += 1) {
    const inside = position <= to && holds(memberAt(run, position), position);
    if (inside && begin < 0) begin = position;
    if (inside || begin < 0) continue;
    stretches.push([run.first + begin, run.first + position - 1]);
    begin = -1;
  }
  return stretches;
}

/** Ascending, none touching the next. */
export function unionOf(ranges: readonly Range[]): Range[] {
  const union: [number, number][] = [];
  for (const [first, last] of [...ranges].sort(([left], [right]) => left - right)) {
    const before = union.at(-1);
    if (before === undefined || first > before[1] + 1) union.push([first, last]);
    else before[1] = Math.max(before[1], last);
  }
  return union;
}

/** The rest of some ranges; `taken` ascends and nothing of it lies over another. */
export function without(ranges: Ranges, taken: readonly Range[]): Range[] {
  const left: Range[] = [];
  let next = 0;
  for (const [first, last] of ranges) {
    let from = first;
    while (next < taken.length && taken[next]![1] < first) next += 1;
    for (; next < taken.length && taken[next]![0] <= last; next += 1) {
      const [begin, end] = taken[next]!;
      if (begin > from) left.push([from, begin - 1]);
      from = Math.max(from, end + 1);
    }
    if (from <= last) left.push([from, last]);
  }
  return left;
}

/** Members whose steps an event completes: those taken down are gone, others are rows from now on. */
export function completeStepsOfRuns(rows: ServicesRows, phase: PhaseRow, service: string, ranges: Ranges): PodRow[] {
  const apart: PodRow[] = [];
  for (const span of spansIn(rows, service, phase.pod, ranges)) {
    const found = runAt(rows, service, phase.pod, span.run.first + span.from);
    if (found === undefined) continue;
    const over: number[] = [];
    for (let offset = 0; offset <= span.to - span.from; offset += 1) {
      const position = found.from + offset;
      const free = memberAt(found.run, position) === PLACING && found.run.request === null;
      if (phase.action === 'decommission' && free) over.push(position);
      else apart.push(...membersOf(rows, found.run, position, position));
    }
    if (over.length > 0) dropMembers(rows, found.key, found.run, over);
  }
  return apart;
}
