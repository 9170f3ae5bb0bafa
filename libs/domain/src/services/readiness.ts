import { idRunsOf, idsIn, type ClusterEventOf, type IdRuns, type LaunchId } from '@orrery/contracts';
import { keysByService, podOfLaunch } from './pods.js';
import { pursue } from './progress.js';
import type { Proposal } from './proposal.js';
import { recipeAt } from './recipe.js';
import type { PodRow, TaskRow } from './state.js';

type Seen = 'RUNNING' | 'READY';

/** A process exists. Where nothing checks its readiness, that is all there is to wait for. */
export function tasksRunning(proposal: Proposal, { launches }: ClusterEventOf<'TasksRunning'>['data']): void {
  observe(proposal, launches, (task, recipe) => {
    if (task.status !== 'ordered') return undefined;
    return recipe.goal === 'RUNNING' && !recipe.checked ? 'READY' : 'RUNNING';
  });
}

/** What runs to an end is never ready: it is done or it is not. */
export function tasksReady(proposal: Proposal, { launches, ready }: ClusterEventOf<'TasksReady'>['data']): void {
  observe(proposal, launches, (task, { goal }) => {
    if (goal !== 'RUNNING') return undefined;
    if (ready) return task.status === 'ready' ? undefined : 'READY';
    return task.status === 'ready' ? 'RUNNING' : undefined;
  });
}

interface TaskFacts {
  readonly goal: 'RUNNING' | 'FINISH' | 'ONCE';
  readonly checked: boolean;
}

function observe(
  proposal: Proposal,
  launches: IdRuns,
  seenAs: (task: TaskRow, facts: TaskFacts) => Seen | undefined,
): void {
  const seen = Array.from(idsIn<LaunchId>(launches)).flatMap((launch) => {
    const row = podOfLaunch(proposal.state, launch);
    const state = row === undefined ? undefined : seenAs(...factsOf(proposal, row, launch));
    return row === undefined || state === undefined ? [] : [{ launch, row, state }];
  });
  for (const state of ['RUNNING', 'READY'] as const) {
    const changed = seen.filter((item) => item.state === state).map(({ launch }) => launch);
    if (changed.length === 0) continue;
    const { at } = proposal.context;
    proposal.emit({ type: 'TasksObserved', data: { state, at, launches: idRunsOf(changed) } });
  }
  for (const [name, keys] of keysByService(seen.map(({ row }) => row))) pursue(proposal, name, keys);
}

function factsOf(proposal: Proposal, row: PodRow, launch: LaunchId): [TaskRow, TaskFacts] {
  const [name, task] = Object.entries(row.tasks).find(([, candidate]) => candidate.launch === launch)!;
  const recipe = recipeAt(proposal.state, row.service, row.launched ?? row.recipe, row.pod);
  const known = recipe?.tasks.find((candidate) => candidate.name === name);
  return [task, { goal: known?.goal ?? 'RUNNING', checked: known?.template.readinessCheck !== undefined }];
}
