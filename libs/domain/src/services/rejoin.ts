import { ordinalOf, seqOf } from '@orrery/contracts';
import { CodesDraft, newCodes } from './codes.js';
import { rowsIn } from './pods.js';
import { putRun, runAt, spansIn } from './run-rows.js';
import { everyEpoch } from './run-seats.js';
import {
  GONE,
  LIVE,
  mapValues,
  memberAt,
  newRun,
  READY,
  RUN_LENGTH_MAX,
  RUN_LENGTH_MIN,
  type Past,
  type RunRow,
} from './runs.js';
import { withIds, type Segments } from './segments.js';
import { podKey, type PodRow, type ServicesRows, type TaskRow } from './state.js';
import { tallyOf, unfileRow } from './tallies.js';

/** Rows go back into a run by so many: its columns and indexes are made anew each time. */
const BACK_MIN = 8;
/** How often rows that have no run any more are looked at, all together. */
const GATHER_EVERY = 64;

/**
 * A pod that had diverged is up again. It goes back to the run that it left, with others, as soon as they are some; where the
 * run was broken up, those that are alike become one anew. What a restart leaves behind (incarnation, failures in a row, since
 * when it runs) is kept by the run for those that have it.
 */
export function rejoin(rows: ServicesRows, row: PodRow): void {
  if (!isPlain(row)) return;
  const tally = tallyOf(rows, row.service, row.pod);
  const span = runAt(rows, row.service, row.pod, row.index);
  if (span !== undefined) {
    if (tally.up % BACK_MIN === 0 && span.run.step === null) goBack(rows, span.key, span.run);
  } else if (tally.up % GATHER_EVERY === 0 || tally.up === tally.pods) gather(rows, row);
}

function goBack(rows: ServicesRows, key: string, run: RunRow): void {
  const back = rowsIn(rows, run.service, run.pod, [[run.first, run.first + run.length - 1]]).filter((row) => {
    return isPlain(row) && isAlike(run, row) && memberAt(run, row.index - run.first) === GONE;
  });
  if (back.length >= BACK_MIN) takeIn(rows, key, run, back);
}

/** A new run of what is left of a broken one, if most of it is alike. */
function gather(rows: ServicesRows, sample: PodRow): void {
  const { service, pod, index, recipe } = sample;
  const from = index - (index % RUN_LENGTH_MAX);
  const block = [[from, from + RUN_LENGTH_MAX - 1]] as const;
  if (spansIn(rows, service, pod, block).length > 0) return;
  const all = rowsIn(rows, service, pod, block);
  const empty = emptyRun(sample);
  const alike = all.filter((row) => isPlain(row) && isAlike(empty, row));
  if (alike.length < RUN_LENGTH_MIN || alike.length * 4 < all.length * 3) return;
  const first = alike[0]!.index;
  const length = alike.at(-1)!.index - first + 1;
  if (alike.length * 4 < length * 3) return;
  const made = newRun(service, pod, first, length, recipe);
  const run = {
    ...made,
    members: newCodes(length),
    pods: 0,
    epochs: Uint32Array.of(sample.seat!.epoch),
    tasks: empty.tasks,
    status: mapValues(empty.tasks, () => newCodes(length)),
    ports: mapValues(empty.ports, () => new Uint32Array(length)),
  };
  takeIn(rows, podKey(service, pod, first), run, alike);
}

/** What members of a run like this pod would have in common. */
function emptyRun({ service, pod, index, recipe, seat, tasks }: PodRow): RunRow {
  return {
    ...newRun(service, pod, index, 0, recipe),
    ports: mapValues(seat!.ports, () => new Uint32Array(0)),
    // Who is ready serves: what runs to its end never is.
    tasks: mapValues(tasks, ({ incarnation }) => ({ incarnation, kind: 'checked' as const, launches: [], past: [] })),
  };
}

/** Up, with nothing about it that a run can't tell. */
function isPlain(row: PodRow): boolean {
  const { seat } = row;
  if (row.status !== 'live' || seat === undefined || row.step !== undefined || row.until !== undefined) return false;
  if (
    row.paused !== undefined ||
    row.probationUntil !== undefined ||
    row.launched !== row.recipe ||
    row.attempt > 0 ||
    row.request !== undefined ||
    row.visits !== undefined
  )
    return false;
  if (seat.volumes.length > 0 || seat.gpuIds.length > 0 || row.stopReason !== undefined) return false;
  return Object.values(row.tasks).every((task) => task.status === 'ready' && task.until === undefined);
}

function isAlike(run: RunRow, { recipe, tasks, seat }: PodRow): boolean {
  return recipe === run.recipe && sameNames(run.tasks, tasks) && sameNames(run.ports, seat!.ports);
}

function sameNames(left: object, right: object): boolean {
  const names = Object.keys(left);
  return names.length === Object.keys(right).length && names.every((name) => name in right);
}

function takeIn(rows: ServicesRows, key: string, run: RunRow, back: readonly PodRow[]): void {
  const members = new CodesDraft(run.members);
  const agents = run.agents.slice();
  const same = run.epochs.length === 1 && back.every(({ seat }) => seat!.epoch === run.epochs[0]);
  const epochs = same ? run.epochs : everyEpoch(run);
  const ports = mapValues(run.ports, (column) => column.slice());
  const status = mapValues(run.status, (codes) => new CodesDraft(codes));
  for (const row of back) {
    const position = row.index - run.first;
    members.set(position, LIVE);
    agents[position] = row.seat!.number;
    if (!same) epochs[position] = row.seat!.epoch;
    for (const name in ports) ports[name]![position] = row.seat!.ports[name]!;
    for (const name in status) status[name]!.set(position, READY);
    unfileRow(rows, row);
  }
  const idsOf = (id: (row: PodRow) => string): Segments =>
    back.flatMap((row) => [row.index - run.first, 1, seqOf(id(row)), ordinalOf(id(row))]);
  putRun(rows, key, {
    ...run,
    members: members.codes,
    agents,
    epochs,
    grants: withIds(
      run.grants,
      idsOf((row) => row.seat!.grant),
    ),
    ports,
    tasks: mapValues(run.tasks, (task, name) => ({
      ...task,
      launches: withIds(
        task.launches,
        idsOf((row) => row.tasks[name]!.launch!),
      ),
      past: withPast(task.past, run.first, task.incarnation, back, name),
    })),
    status: mapValues(status, ({ codes }) => codes),
    pods: run.pods + back.length,
    running: run.running + back.length,
    up: run.up + back.length,
  });
}

function withPast(past: readonly Past[], first: number, base: number, back: readonly PodRow[], name: string): Past[] {
  const told = new Map<number, Past>(past.map((entry) => [entry[0], entry]));
  for (const { index, tasks } of back) {
    const entry = pastOf(index - first, base, tasks[name]!);
    if (entry === undefined) told.delete(index - first);
    else told.set(entry[0], entry);
  }
  return [...told.values()].sort(([left], [right]) => left - right);
}

function pastOf(position: number, base: number, { incarnation, failures, since }: TaskRow): Past | undefined {
  if (incarnation === base && failures === 0) return undefined;
  return [position, incarnation, failures, failures === 0 ? 0 : (since ?? 0)];
}
