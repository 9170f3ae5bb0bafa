import { podKey, tallyKey, type PodRow, type ServicesRows, type TallyRow, type TaskRow } from './state.js';

export type Counts = Pick<TallyRow, 'pods' | 'running' | 'up' | 'finished'>;

const NOTHING: TallyRow = { slots: 0, incarnation: 0, pods: 0, running: 0, up: 0, finished: 0 };
const PRESENT: TallyRow = { ...NOTHING, pods: 1 };
const RUNNING: TallyRow = { ...PRESENT, running: 1 };
const UP: TallyRow = { ...RUNNING, up: 1 };
const FINISHED: TallyRow = { ...UP, finished: 1 };

/** Of the pods that are rows: `countsOf` adds those in runs. */
export function tallyOf(rows: ServicesRows, service: string, pod: string): TallyRow {
  return rows.tallies.get(tallyKey(service, pod)) ?? NOTHING;
}

/** Of all pods of a type. */
export function countsOf(rows: ServicesRows, service: string, pod: string): Counts {
  const { finished, ...tally } = tallyOf(rows, service, pod);
  let { pods, running, up } = tally;
  const prefix = tallyKey(service, pod);
  for (const [, run] of rows.runs.entries(`${prefix}/`)) {
    if (run.service !== service || run.pod !== pod) break;
    pods += run.pods;
    running += run.running;
    up += run.up;
  }
  return { pods, running, up, finished };
}

/** Types of which there is, or may be, a pod. */
export function podTypes(rows: ServicesRows, service: string): string[] {
  const types: string[] = [];
  const prefix = `${service}/`;
  for (const [key] of rows.tallies.entries(prefix)) {
    if (!key.startsWith(prefix)) break;
    types.push(key.slice(prefix.length));
  }
  return types;
}

/** A row as it is now, and what it counts for. */
export function fileRow(rows: ServicesRows, row: PodRow): void {
  const key = podKey(row.service, row.pod, row.index);
  replaceRow(rows, key, rows.pods.get(key), row);
}

/** The same of one that is known to be `before` now. */
export function replaceRow(rows: ServicesRows, key: string, before: PodRow | undefined, row: PodRow): void {
  recount(rows, before, row);
  rows.pods.put(key, whole(row));
}

/**
 * With every field, in one order, whatever was changed: the engine then sees one kind of object, and reads and copies it
 * without looking anything up. It also makes rows encode alike, whether they lived or come from a snapshot.
 */
function whole(row: PodRow): PodRow {
  const fields: { readonly [Field in keyof Required<PodRow>]: PodRow[Field] } = {
    service: row.service,
    pod: row.pod,
    index: row.index,
    recipe: row.recipe,
    status: row.status,
    step: row.step,
    request: row.request,
    asked: row.asked,
    avoid: row.avoid,
    attempt: row.attempt,
    seat: row.seat,
    sized: row.sized,
    resizing: row.resizing,
    launched: row.launched,
    tasks: row.tasks,
    visits: row.visits,
    replaces: row.replaces,
    waits: row.waits,
    drained: row.drained,
    stopReason: row.stopReason,
    paused: row.paused,
    probationUntil: row.probationUntil,
    preemptedBy: row.preemptedBy,
    until: row.until,
  };
  return fields;
}

/** The pod is no row any more. */
export function unfileRow(rows: ServicesRows, row: PodRow): void {
  recount(rows, row, undefined);
  rows.pods.delete(podKey(row.service, row.pod, row.index));
}

export function dropRow(rows: ServicesRows, row: PodRow): void {
  rememberIncarnation(rows, row.service, row.pod, Math.max(0, ...Object.values(row.tasks).map(incarnationOf)));
  unfileRow(rows, row);
}

/** A new life of a pod counts on from its last one. */
export function rememberIncarnation(rows: ServicesRows, service: string, pod: string, incarnation: number): void {
  const tally = tallyOf(rows, service, pod);
  if (incarnation > tally.incarnation) rows.tallies.put(tallyKey(service, pod), { ...tally, incarnation });
}

/** Every task runs or has reached its goal. */
export function isRunning(row: PodRow): boolean {
  if (row.status === 'finished') return true;
  return row.status === 'live' && everyTask(row, ({ status }) => status === 'running' || isReady(status));
}

/** Every task is ready or has reached its goal, for as long as its plan asks. */
export function isUp(row: PodRow): boolean {
  return row.status === 'finished' || (row.probationUntil === undefined && isServing(row));
}

/** Every task is ready or has reached its goal now. */
export function isServing(row: PodRow): boolean {
  return row.status === 'live' && everyTask(row, ({ status }) => isReady(status));
}

function incarnationOf({ incarnation }: TaskRow): number {
  return incarnation;
}

function isReady(status: TaskRow['status']): boolean {
  return status === 'ready' || status === 'finished';
}

function everyTask(row: PodRow, holds: (task: TaskRow) => boolean): boolean {
  let tasks = 0;
  for (const name in row.tasks) {
    const task = row.tasks[name]!;
    if (task.status === 'dropped' || task.visit === true) continue;
    if (!holds(task)) return false;
    tasks += 1;
  }
  return tasks > 0;
}

function recount(rows: ServicesRows, before: PodRow | undefined, after: PodRow | undefined): void {
  const was = before === undefined ? NOTHING : worthOf(before);
  const is = after === undefined ? NOTHING : worthOf(after);
  if (was === is) return;
  const { service, pod } = (after ?? before)!;
  const tally = tallyOf(rows, service, pod);
  rows.tallies.put(tallyKey(service, pod), {
    slots: tally.slots,
    incarnation: tally.incarnation,
    pods: tally.pods + is.pods - was.pods,
    running: tally.running + is.running - was.running,
    up: tally.up + is.up - was.up,
    finished: tally.finished + is.finished - was.finished,
  });
}

/** What one pod adds to the tally of its type: one of four values. */
function worthOf(row: PodRow): TallyRow {
  if (row.status === 'finished') return FINISHED;
  if (isUp(row)) return UP;
  return isRunning(row) ? RUNNING : PRESENT;
}
