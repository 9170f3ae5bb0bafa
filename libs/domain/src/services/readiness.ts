import {
  idOf,
  IdRunsBuilder,
  type ClusterEventOf,
  type IdRuns,
  type LaunchId,
  type ServicesEventOf,
} from '@orrery/contracts';
import { codeAt } from './codes.js';
import { isPaused } from './asleep.js';
import { keysByService, podOfLaunch } from './pods.js';
import { pursue } from './progress.js';
import type { Proposal } from './proposal.js';
import { recipeAt } from './recipe.js';
import { walkIds } from './run-members.js';
import type { Stretch } from './run-rows.js';
import { GONE, memberAt, READY, RETURNED, type RunTask } from './runs.js';
import type { PodRow, TaskStatus } from './state.js';

type Seen = 'RUNNING' | 'READY';

/** A process exists. Where nothing checks its readiness, that is all there is to wait for. */
export function tasksRunning(proposal: Proposal, { launches }: ClusterEventOf<'TasksRunning'>['data']): void {
  observe(proposal, launches, (status, kind) => {
    if (status !== 'ordered') return undefined;
    return kind === 'service' ? 'READY' : 'RUNNING';
  });
}

/** What runs to an end is never ready: it is done or it is not. */
export function tasksReady(proposal: Proposal, { launches, ready }: ClusterEventOf<'TasksReady'>['data']): void {
  observe(proposal, launches, (status, kind) => {
    if (kind === 'batch') return undefined;
    if (ready) return status === 'ready' ? undefined : 'READY';
    return status === 'ready' ? 'RUNNING' : undefined;
  });
}

/** What a launch is seen as, if that is new. */
type SeenAs = (status: TaskStatus, kind: RunTask['kind']) => Seen | undefined;

const STATUS_OF = ['idle', 'ordered', 'running', 'ready'] as const;

/**
 * What is seen of members of runs is told, and no more: their steps complete by it, and what follows from that follows by
 * `continue`, so that a report of twenty pods of twenty services costs twenty look-ups.
 */
function observe(proposal: Proposal, launches: IdRuns, seenAs: SeenAs): void {
  const seen = { RUNNING: new IdRunsBuilder(), READY: new IdRunsBuilder() };
  const diverged: PodRow[] = [];
  const inRuns = new Set<string>();
  const alone = (launch: LaunchId) => {
    const row = podOfLaunch(proposal.state, launch);
    const state = row === undefined ? undefined : seenAs(...taskOf(proposal, row, launch));
    if (row === undefined || state === undefined) return;
    seen[state].addId(launch);
    diverged.push(row);
  };
  const together = ({ run, task, position: at, seq, first }: Stretch, from: number, count: number) => {
    inRuns.add(run.service);
    const { kind } = run.tasks[task]!;
    const status = run.status[task]!;
    for (let position = from; position < from + count; position += 1) {
      const code = memberAt(run, position);
      const known = codeAt(status, position);
      const state = code === RETURNED || known === 0 ? undefined : seenAs(STATUS_OF[known]!, kind);
      const ordinal = first + position - at;
      if (code === GONE || (state === 'RUNNING' && known === READY)) alone(idOf(seq, ordinal));
      else if (state !== undefined) seen[state].add(seq, ordinal);
    }
  };
  walkIds<LaunchId>(proposal.state, 'launch', launches, { known: together, unknown: alone });
  const touched = keysByService(diverged);
  // A pod that is up gives another one room to leave a machine that is drained.
  if (proposal.state.agents.firstBy('state', 'DRAINING') !== undefined) {
    for (const name of inRuns) if (!touched.has(name)) touched.set(name, []);
  }
  // And lets the next one be changed.
  for (const name of inRuns) {
    for (const _ of proposal.state.plans.by('heldBack', name)) if (!touched.has(name)) touched.set(name, []);
  }
  for (const state of ['RUNNING', 'READY'] as const) tellSeen(proposal, state, seen[state]);
  for (const [name, keys] of touched) pursue(proposal, name, keys);
}

function tellSeen(proposal: Proposal, state: Seen, { runs, count }: IdRunsBuilder): void {
  if (count === 0) return;
  const data: ServicesEventOf<'TasksObserved'>['data'] = { state, at: proposal.context.at, launches: runs };
  proposal.emit({ type: 'TasksObserved', data });
}

function taskOf(proposal: Proposal, row: PodRow, launch: LaunchId): [TaskStatus, RunTask['kind']] {
  const [name, task] = Object.entries(row.tasks).find(([, candidate]) => candidate.launch === launch)!;
  if (isPaused(row, name)) return [task.status, 'service'];
  const recipe = recipeAt(proposal.state, row.service, row.launched ?? row.recipe, row.pod);
  const known = recipe?.tasks.find((candidate) => candidate.name === name);
  if (known !== undefined && known.goal !== 'RUNNING') return [task.status, 'batch'];
  return [task.status, known?.template.readinessCheck === undefined ? 'service' : 'checked'];
}
