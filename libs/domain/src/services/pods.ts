import type { AgentId, GrantId, LaunchId } from '@orrery/contracts';
import {
  podKey,
  tallyKey,
  type LeavingRow,
  type PodRow,
  type Rows,
  type ServicesRows,
  type TallyRow,
  type TaskRow,
} from './state.js';

/**
 * The only way to the rows of pods, so that runs of equal pods can become one row without touching a rule.
 */
export function podAt(rows: ServicesRows, service: string, pod: string, index: number): PodRow | undefined {
  return rows.pods.get(podKey(service, pod, index));
}

export function podOfLaunch(rows: ServicesRows, launch: LaunchId): PodRow | undefined {
  return firstOf(rows.pods, 'launch', launch);
}

export function podOfGrant(rows: ServicesRows, grant: GrantId): PodRow | undefined {
  return firstOf(rows.pods, 'grant', grant);
}

export function podsOn(rows: ServicesRows, agent: AgentId): PodRow[] {
  return Array.from(rows.pods.by('agent', agent), ([, row]) => row);
}

/** The grant on which a former life of this pod may still run. */
export function predecessorOf(rows: ServicesRows, { service, pod, index }: PodRow): GrantId | undefined {
  const generation = rows.services.get(service)?.generation;
  for (const [grant, row] of rows.leaving.by('pod', podKey(service, pod, index))) {
    if (row.generation === generation) return grant as GrantId;
  }
  return undefined;
}

/** Pods whose open request leaves this agent out. */
export function podsAvoiding(rows: ServicesRows, agent: AgentId): PodRow[] {
  return Array.from(rows.pods.by('avoid', agent), ([, row]) => row);
}

export function leavingOfLaunch(rows: ServicesRows, launch: LaunchId): [GrantId, LeavingRow] | undefined {
  for (const [grant, row] of rows.leaving.by('launch', launch)) return [grant as GrantId, row];
  return undefined;
}

/** Pods of one type, in the order of their indexes. */
export function* podsOf(rows: ServicesRows, service: string, pod: string): IterableIterator<PodRow> {
  for (const [, row] of rows.pods.entries(podKey(service, pod, 0))) {
    if (row.service !== service || row.pod !== pod) return;
    yield row;
  }
}

/** Keys of pods by their service, both in the order of their coming. */
export function keysByService(pods: Iterable<PodRow>): Map<string, string[]> {
  const filed = new Map<string, Set<string>>();
  for (const { service, pod, index } of pods) {
    const keys = filed.get(service) ?? new Set();
    filed.set(service, keys.add(podKey(service, pod, index)));
  }
  return new Map(Array.from(filed, ([service, keys]) => [service, [...keys]]));
}

const NOTHING: TallyRow = { slots: 0, incarnation: 0, pods: 0, running: 0, up: 0, finished: 0 };
const PRESENT: TallyRow = { ...NOTHING, pods: 1 };
const RUNNING: TallyRow = { ...PRESENT, running: 1 };
const UP: TallyRow = { ...RUNNING, up: 1 };
const FINISHED: TallyRow = { ...UP, finished: 1 };

export function tallyOf(rows: ServicesRows, service: string, pod: string): TallyRow {
  return rows.tallies.get(tallyKey(service, pod)) ?? NOTHING;
}

export function putPod(rows: ServicesRows, row: PodRow): void {
  const key = podKey(row.service, row.pod, row.index);
  recount(rows, rows.pods.get(key), row);
  rows.pods.put(key, row);
}

export function deletePod(rows: ServicesRows, row: PodRow): void {
  const key = tallyKey(row.service, row.pod);
  const tally = tallyOf(rows, row.service, row.pod);
  const incarnation = Math.max(tally.incarnation, ...Object.values(row.tasks).map((task) => task.incarnation));
  if (incarnation > tally.incarnation) rows.tallies.put(key, { ...tally, incarnation });
  recount(rows, row, undefined);
  rows.pods.delete(podKey(row.service, row.pod, row.index));
}

/** Every task runs or has reached its goal. */
export function isRunning(row: PodRow): boolean {
  if (row.status === 'finished') return true;
  return row.status === 'live' && everyTask(row, ({ status }) => status === 'running' || isReady(status));
}

/** Every task is ready or has reached its goal. */
export function isUp(row: PodRow): boolean {
  if (row.status === 'finished') return true;
  return row.status === 'live' && everyTask(row, ({ status }) => isReady(status));
}

function isReady(status: TaskRow['status']): boolean {
  return status === 'ready' || status === 'finished';
}

function everyTask(row: PodRow, holds: (task: TaskRow) => boolean): boolean {
  let tasks = 0;
  for (const name in row.tasks) {
    const task = row.tasks[name]!;
    if (task.status === 'dropped') continue;
    if (!holds(task)) return false;
    tasks += 1;
  }
  return tasks > 0;
}

function recount(rows: ServicesRows, before: PodRow | undefined, after: PodRow | undefined): void {
  const was = before === undefined ? NOTHING : countsOf(before);
  const is = after === undefined ? NOTHING : countsOf(after);
  if (was === is) return;
  const { service, pod } = (after ?? before)!;
  const tally = tallyOf(rows, service, pod);
  rows.tallies.put(tallyKey(service, pod), {
    ...tally,
    pods: tally.pods + is.pods - was.pods,
    running: tally.running + is.running - was.running,
    up: tally.up + is.up - was.up,
    finished: tally.finished + is.finished - was.finished,
  });
}

/** What one pod adds to the tally of its type: one of four values. */
function countsOf(row: PodRow): TallyRow {
  if (row.status === 'finished') return FINISHED;
  if (isUp(row)) return UP;
  return isRunning(row) ? RUNNING : PRESENT;
}

function firstOf<Row extends object>(rows: Rows<string, Row>, index: string, value: string): Row | undefined {
  for (const [, row] of rows.by(index, value)) return row;
  return undefined;
}
