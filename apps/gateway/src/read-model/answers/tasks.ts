import { podName, taskId, type AgentId } from '@orrery/contracts';
import { currentLaunch, launchesOnAgent, taskViewOf, type LaunchRow } from '@orrery/domain';
import { Problem } from '../../problem.js';
import { merged, pageOfEntries, type Keyed, type ListAnswer } from '../paging.js';
import type { Answer, Page } from '../query.js';
import type { Cell, World } from '../world.js';

export interface TaskFilter {
  readonly service?: string;
  readonly agent?: string;
  readonly state?: string;
}

interface Found {
  readonly cell: Cell;
  readonly row: LaunchRow;
}

/** The newest incarnation of each task, service by service. */
export function listTasks({ cells }: World, filter: TaskFilter, page: Page): ListAnswer {
  const sources = cells.map((cell) =>
    filter.agent === undefined
      ? tasksOf(cell, filter.service, page.after)
      : tasksOn(cell, filter.agent as AgentId, filter.service),
  );
  const found = filter.state === undefined ? merged(sources) : inState(merged(sources), filter.state);
  return pageOfEntries(found, page, ({ cell, row }) => taskJson(cell, row));
}

export function showTask(world: World, id: string): Answer {
  const found = findTask(world, id);
  if (found !== undefined) return { value: taskJson(found.cell, found.row) };
  throw Problem.of('unknown-task', `there is no task ${id}`, {
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
  const { launch, version, hostname, exit, reason, message } = rest;
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

/**
 * Launches are filed by blocks of pods; a page begins at the block of the last task before it. Keys sort blocks as the table
 * does, and the tasks of a block by index.
 */
function* tasksOf(cell: Cell, service: string | undefined, after: string | undefined): Generator<Keyed<Found>> {
  const { launches } = cell.cluster;
  const prefix = service === undefined ? '' : `${service}.`;
  const fromBlock = after === undefined ? undefined : after.slice(0, after.indexOf(' '));
  const from = fromBlock === undefined || fromBlock < prefix ? prefix : fromBlock;
  for (const block of launches.valuesOf('block', from)) {
    if (!block.startsWith(prefix)) return;
    const newest = new Map<string, LaunchRow>();
    for (const [, row] of launches.by('block', block)) {
      const key = `${block} ${String(row.index).padStart(7, '0')} ${row.task}`;
      const other = newest.get(key);
      if (other === undefined || isNewer(row, other)) newest.set(key, row);
    }
    for (const key of [...newest.keys()].sort()) yield [key, { cell, row: newest.get(key)! }];
  }
}

function* tasksOn(cell: Cell, agent: AgentId, service: string | undefined): Generator<Keyed<Found>> {
  const found: Keyed<Found>[] = [];
  for (const row of launchesOnAgent(cell.cluster, agent)) {
    if (service !== undefined && row.service !== service) continue;
    found.push([taskId(row.service, row.pod, row.index, row.task), { cell, row }]);
  }
  yield* found.sort(([left], [right]) => (left < right ? -1 : 1));
}

function* inState(entries: Iterable<Keyed<Found>>, state: string): Generator<Keyed<Found>> {
  for (const entry of entries) {
    const [, { cell, row }] = entry;
    if (taskViewOf(cell.cluster, row).state === state) yield entry;
  }
}

function isNewer(left: LaunchRow, right: LaunchRow): boolean {
  return left.generation === right.generation
    ? left.incarnation > right.incarnation
    : left.generation > right.generation;
}
