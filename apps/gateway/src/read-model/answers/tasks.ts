import { endMessage, podName, type AgentId } from '@orrery/contracts';
import {
  currentLaunch,
  launchesOnAgent,
  taskKey,
  tasksInOrder,
  taskViewOf,
  type LaunchRow,
  type TaskState,
} from '@orrery/domain';
import { Problem } from '../../problem.js';
import { merged, pageOfEntries, type Keyed, type ListAnswer } from '../paging.js';
import type { Answer, Page } from '../query.js';
import type { Cell, World } from '../world.js';
import { unlaunchedJson, unlaunchedStates, unlaunchedTasks, type Unlaunched } from './unlaunched.js';

export interface TaskFilter {
  readonly service?: string;
  readonly agent?: string;
  readonly state?: string;
  /** With those that no agent knows. */
  readonly unlaunched?: boolean;
}

export interface Found {
  readonly cell: Cell;
  readonly row: LaunchRow;
}

/**
 * The newest incarnation of each task, service by service; behind them, where those are asked for, tasks that no agent knows,
 * because they wait or because their pods have done their work.
 */
export function listTasks({ cells }: World, filter: TaskFilter, page: Page): ListAnswer {
  const sources = cells.flatMap((cell): Iterable<Keyed<Found | Unlaunched>>[] => [
    tasksOf(cell, filter, page.after),
    othersOf(cell, filter, page),
  ]);
  return pageOfEntries(merged(sources), page, (item) =>
    'row' in item ? taskJson(item.cell, item.row) : unlaunchedJson(item),
  );
}

function othersOf(cell: Cell, filter: TaskFilter, { after }: Page): Iterable<Keyed<Unlaunched>> {
  const { service, agent, state, unlaunched } = filter;
  const isAsked = unlaunched === true || unlaunchedStates.some((each) => each === state);
  return isAsked && agent === undefined ? unlaunchedTasks(cell, { service, state }, after) : [];
}

/** The first so many tasks of a filter. */
export function rowsOf({ cells }: World, filter: TaskFilter, count: number): Found[] {
  const rows: Found[] = [];
  for (const [, found] of merged(cells.map((cell) => tasksOf(cell, filter, undefined)))) {
    if (rows.push(found) === count) break;
  }
  return rows;
}

export function showTask(world: World, id: string): Answer {
  const found = findTask(world, id);
  if (found !== undefined) return { value: taskJson(found.cell, found.row) };
  throw unknownTask(id);
}

export function unknownTask(id: string): Problem {
  return Problem.of('unknown-task', `there is no task ${id}`, {
    remedy: 'see the list of tasks; `task why` tells of those that wait, `task history` of those that are gone',
  });
}

export function findTask({ cells }: World, id: string): Found | undefined {
  for (const cell of cells) {
    const row = currentLaunch(cell.cluster, id);
    if (row !== undefined) return { cell, row };
  }
  return undefined;
}

export function taskJson({ cluster }: Cell, row: LaunchRow): object {
  const { id, service, pod, index, task, agent, state, incarnation, pid, address, ports, ready, since, ...rest } =
    taskViewOf(cluster, row);
  const { launch, version, hostname, exit, reason } = rest;
  const message = endMessage(rest);
  return {
    id,
    service,
    pod: podName(pod, index),
    task,
    agent,
    state,
    incarnation,
    ...(pid === undefined ? {} : { pid }),
    address,
    ports,
    ready,
    since: new Date(since).toISOString(),
    ...{ launch, version, hostname, exit, reason, message },
  };
}

function* tasksOf(
  cell: Cell,
  { service, agent, state }: TaskFilter,
  after: string | undefined,
): Generator<Keyed<Found>> {
  const rows =
    agent !== undefined
      ? tasksOn(cell, agent as AgentId, { service, state })
      : state === undefined
        ? tasksInOrder(cell.cluster, { service, from: after })
        : cell.taskStates.tasks(state as TaskState, service, after);
  for (const [key, row] of rows) yield [key, { cell, row }];
}

function tasksOn(
  { cluster }: Cell,
  agent: AgentId,
  { service, state }: { readonly service: string | undefined; readonly state: string | undefined },
): Keyed<LaunchRow>[] {
  return launchesOnAgent(cluster, agent)
    .filter((row) => service === undefined || row.service === service)
    .filter((row) => state === undefined || taskViewOf(cluster, row).state === state)
    .map((row): Keyed<LaunchRow> => [taskKey(row), row])
    .sort(([left], [right]) => (left < right ? -1 : 1));
}
