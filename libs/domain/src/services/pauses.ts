import type { ServicesCommand, ServicesEvent } from '@orrery/contracts';
import { accept, reject, type Decision } from '@orrery/kernel';
import { isPaused } from './asleep.js';
import { orderKills } from './launch.js';
import { findPod, podState, startNow } from './pod-commands.js';
import type { Proposal } from './proposal.js';
import { recipeFor } from './recipe.js';
import { launchesOf, type PodRow, type ServiceRow, type ServicesRows } from './state.js';

// A paused pod keeps its place, its volumes and its steps; instead of its commands it runs a sleep, so that somebody can look.

type Body = Extract<ServicesCommand, { type: 'PausePod' | 'ResumePod' }>['body'];
type Answer = Decision<ServicesEvent>;

/** Of all of its own tasks, unless some are named. What runs is restarted, what waits for its next try starts at once. */
export function pausePod(proposal: Proposal, body: Body): Answer {
  const found = findPod(proposal, body);
  if ('accepted' in found) return found;
  const { service, row } = found;
  if (row.status === 'finished') return podState(row, 'has done its work', 'there is nothing left to pause');
  const own = tasksOf(proposal.state, service, row);
  const unknown = unknownTask(row, body.tasks, own);
  if (unknown !== undefined) return unknown;
  const tasks = (body.tasks ?? own).filter((task) => !isPaused(row, task));
  if (tasks.length === 0) return accept();
  return change(proposal, service, row, { type: 'PodPaused', tasks: [...new Set(tasks)].sort() });
}

/** Back to their commands. */
export function resumePod(proposal: Proposal, body: Body): Answer {
  const found = findPod(proposal, body);
  if ('accepted' in found) return found;
  const { service, row } = found;
  const unknown = unknownTask(row, body.tasks, [...tasksOf(proposal.state, service, row), ...(row.paused ?? [])]);
  if (unknown !== undefined) return unknown;
  const tasks = (row.paused ?? []).filter((task) => body.tasks?.includes(task) ?? true);
  if (tasks.length === 0) return accept();
  return change(proposal, service, row, { type: 'PodResumed', tasks });
}

function change(
  proposal: Proposal,
  service: ServiceRow,
  row: PodRow,
  { type, tasks }: { readonly type: 'PodPaused' | 'PodResumed'; readonly tasks: readonly string[] },
): Answer {
  const { name, generation } = service;
  const { pod, index } = row;
  proposal.emit({ type, data: { service: name, generation, pod, index, tasks } });
  if (row.status === 'live' && launchesOf(row).length > 0) {
    orderKills(proposal, service, [row], type === 'PodPaused' ? 'paused' : 'resumed');
  } else if (row.status === 'live' || row.status === 'stopping') {
    if (launchesOf(row).length === 0) return startNow(proposal, service, row);
  }
  return accept(...proposal.events);
}

function tasksOf(rows: ServicesRows, service: ServiceRow, row: PodRow): string[] {
  return (recipeFor(rows, service, row)?.tasks ?? []).map(({ name }) => name);
}

function unknownTask(row: PodRow, named: readonly string[] | undefined, own: readonly string[]): Answer | undefined {
  const unknown = named?.find((task) => !own.includes(task));
  if (unknown === undefined) return undefined;
  return reject('unknown-task', `${row.pod}-${row.index} has no task ${unknown} of its own`, {
    field: '/tasks',
    remedy: `its tasks: ${own.join(', ')}`,
  });
}
