import { rangesOf } from '@orrery/contracts';
import { backoffMs } from './backoff.js';
import { stepRef } from './completion.js';
import { endDraining } from './draining.js';
import { failByTask, failSteps, type TaskFailure } from './failing.js';
import { orderLaunches, type Start } from './launch.js';
import { keyOfPod, podAt, podByKey, rowsOf } from './pods.js';
import type { Proposal } from './proposal.js';
import { recipeAt, recipeOf, specAt, type Recipe } from './recipe.js';
import {
  planKey,
  type PhaseRow,
  type PlanRow,
  type PodRow,
  type ServiceRow,
  type ServicesRows,
  type VisitRow,
} from './state.js';
import { isStandard, tasksOfStep } from './steps.js';
import { isUp } from './tallies.js';
import { isWanted, targetSpec, wantedCount } from './wanted.js';

/** A step that says nothing else is in ERROR after so many failures in a row. */
export const ATTEMPTS_MAX_DEFAULT = 3;
const REFUSED_DELAY_MS = 5000;

/**
 * Tasks that steps of plans run beside those of a pod: in its place, on its volumes, one at a time, while the pod is up and
 * no other step works on it.
 */
export function pursueVisits(proposal: Proposal, name: string, keys: readonly string[]): void {
  const starts: Start[] = [];
  for (const key of keys) {
    const row = podByKey(proposal.state, key);
    if (row?.visits === undefined) continue;
    completeVisits(proposal, proposal.state.services.get(name)!, row);
    starts.push(...visitsToStart(proposal, name, key));
  }
  if (starts.length > 0) orderLaunches(proposal, proposal.state.services.get(name)!, starts);
}

/** The run that a visit belongs to, while it is not over. */
export function planOfVisit(rows: ServicesRows, service: string, { plan, run }: VisitRow): PlanRow | undefined {
  const row = rows.plans.get(planKey(service, plan));
  return row?.run === run && (row.status === 'running' || row.status === 'failed') ? row : undefined;
}

/** Steps whose tasks are all done; all that follow each other. */
function completeVisits(proposal: Proposal, service: ServiceRow, row: PodRow): void {
  for (const visit of row.visits!) {
    const plan = planOfVisit(proposal.state, service.name, visit);
    const phase = plan?.phases.find((candidate) => candidate.name === visit.phase);
    if (plan === undefined || phase === undefined) return;
    if (visit.launched || !isVisitOver(proposal.state, plan, phase, row, visit)) return;
    if (phase.action === 'decommission') return endDraining(proposal, service, plan, { phase, index: row.index });
    proposal.emit({ type: 'StepCompleted', data: stepRef(service, plan, phase.name, [[row.index, row.index]]) });
  }
}

function isVisitOver(rows: ServicesRows, plan: PlanRow, phase: PhaseRow, row: PodRow, visit: VisitRow): boolean {
  if (visit.at >= visit.tasks.length) return true;
  // What ended by itself has nothing left to drain.
  if (phase.action === 'decommission') return row.status === 'finished';
  return visit.at === 0 && isDoneForGood(rows, plan, phase, row);
}

/** The steps of `deploy` and `update`: a ONCE task runs once in the life of a pod, a FINISH task once for each form of it. */
export function isDoneForGood(rows: ServicesRows, plan: PlanRow, phase: PhaseRow, row: PodRow): boolean {
  if (!isStandard(plan.plan)) return false;
  const wanted = recipeOfVisits(rows, plan, phase.pod);
  return tasksOfStep(phase, row.index).every((name) => {
    const { done } = row.tasks[name] ?? {};
    const task = wanted?.visiting.find((candidate) => candidate.name === name);
    if (done === undefined || task === undefined) return false;
    if (task.goal === 'ONCE') return true;
    const ran = specAt(rows, plan.service, done);
    const before = ran === undefined ? undefined : recipeOf(ran, phase.pod);
    return before?.visiting.find((candidate) => candidate.name === name)?.templateDigest === task.templateDigest;
  });
}

/** As of the version that the plan was started for: what pods run may be older. */
function recipeOfVisits(rows: ServicesRows, { service, version }: PlanRow, pod: string): Recipe | undefined {
  const spec = specAt(rows, service, version) ?? targetSpec(rows, rows.services.get(service)!);
  return recipeOf(spec, pod);
}

function visitsToStart(proposal: Proposal, name: string, key: string): Start[] {
  const { state, context } = proposal;
  const service = state.services.get(name)!;
  const row = podByKey(state, key);
  const visit = row?.visits?.find((candidate) => isUnderWay(state, name, candidate));
  if (row === undefined || visit === undefined || (visit.until ?? 0) > context.at) return [];
  const plan = planOfVisit(state, name, visit)!;
  if (!mayBeVisited(state, service, row)) {
    // Its machine is being drained: time alone would ask again at once.
    if (visit.until !== undefined && state.agents.has(row.seat?.agent ?? '')) later(proposal, service, row, visit);
    return [];
  }
  const held = row.launched === undefined ? undefined : recipeAt(state, name, row.launched, row.pod);
  const planned = recipeOfVisits(state, plan, row.pod);
  // What the place was made for has to have room for the task. Who goes may well be of an earlier version.
  const fits = held !== undefined && held.needsDigest === planned?.needsDigest;
  const phase = plan.phases.find((candidate) => candidate.name === visit.phase);
  const recipe = fits ? planned : phase?.action === 'decommission' ? held : undefined;
  const task = recipe?.visiting.find((candidate) => candidate.name === visit.tasks[visit.at]);
  if (recipe !== undefined && task !== undefined) {
    return [{ row, seat: row.seat!, recipe, tasks: [task], plan, env: environmentOf(state, service, plan, phase) }];
  }
  const reason = `${row.pod}-${row.index} was changed since version ${plan.version}: start the plan again`;
  failSteps(proposal, service, plan, { phase: visit.phase, indexes: [row.index], reason });
  return [];
}

/** Who is drained is told how many others stay. */
function environmentOf(rows: ServicesRows, service: ServiceRow, plan: PlanRow, phase: PhaseRow | undefined) {
  if (phase?.action !== 'decommission') return plan.parameters ?? {};
  return { ORRERY_PODS_STAYING: String(wantedCount(rows, service, phase.pod)) };
}

/** One that failed, or whose plan did, stands in nobody's way. */
function isUnderWay(rows: ServicesRows, service: string, visit: VisitRow): boolean {
  return visit.failed === undefined && planOfVisit(rows, service, visit)?.status === 'running';
}

/** It stands where it should, as it should, and nothing else is done with it. */
function mayBeVisited(rows: ServicesRows, service: ServiceRow, row: PodRow): boolean {
  if (row.status !== 'live' || row.step !== undefined || row.seat === undefined || row.paused !== undefined)
    return false;
  if (!isUp(row) || rows.agents.has(row.seat.agent) || !isWanted(rows, service, row)) return false;
  return !Object.values(row.tasks).some(({ visit }) => visit === true);
}

/** A task that a step runs has failed: it is tried again, later and later, or the step is in ERROR. */
export function visitFailed(
  proposal: Proposal,
  service: ServiceRow,
  { pod, index, visits }: PodRow,
  { task, how, said }: Omit<TaskFailure, 'failures'>,
): void {
  const visit = visits?.find(({ launched }) => launched);
  const plan = visit === undefined ? undefined : planOfVisit(proposal.state, service.name, visit);
  if (visit === undefined || plan === undefined) return;
  const phase = plan.phases.find(({ name }) => name === visit.phase);
  const failures = visit.failures + 1;
  if (failures >= (phase?.attemptsMax ?? ATTEMPTS_MAX_DEFAULT)) {
    const failure = { task, failures, how, ...(said === undefined ? {} : { said }) };
    return failByTask(proposal, service, plan, { ...failure, pod, index, phase: visit.phase });
  }
  const until = proposal.context.at + backoffMs(targetSpec(proposal.state, service), failures + 1);
  const { name, generation } = service;
  proposal.emit({
    type: 'RetryScheduled',
    data: { service: name, generation, pod, index, task, until, failures, plan: plan.plan },
  });
}

/** Its agent turned it away: once that has settled it is launched again, and no failure is counted. */
export function visitRefused(proposal: Proposal, service: ServiceRow, row: PodRow): void {
  const visit = row.visits?.find(({ launched }) => launched);
  if (visit !== undefined) later(proposal, service, row, visit);
}

function later(
  proposal: Proposal,
  { name, generation }: ServiceRow,
  { pod, index }: PodRow,
  { plan, tasks, at, failures }: VisitRow,
): void {
  const task = tasks[at]!;
  const until = proposal.context.at + REFUSED_DELAY_MS;
  proposal.emit({
    type: 'RetryScheduled',
    data: { service: name, generation, pod, index, task, until, failures, plan },
  });
}

/** Keys of the pods on which this run of a plan has something to do. */
export function visitedBy(rows: ServicesRows, { service, run, phases }: PlanRow): string[] {
  const pods = new Set(phases.filter(({ steps }) => steps !== undefined).map(({ pod }) => pod));
  return [...pods].flatMap((pod) =>
    [...rowsOf(rows, service, pod)].filter((row) => row.visits?.some((visit) => visit.run === run)).map(keyOfPod),
  );
}

/** Begins steps that run tasks: those on pods that do not exist have nothing to do. */
export function beginVisits(
  proposal: Proposal,
  service: ServiceRow,
  plan: PlanRow,
  phase: PhaseRow,
  indexes: readonly number[],
): void {
  const rows = indexes.flatMap((index) => podAt(proposal.state, service.name, phase.pod, index) ?? []);
  const present = new Set(rows.map(({ index }) => index));
  const idle = indexes.filter((index) => !present.has(index) || tasksOfStep(phase, index).length === 0);
  if (idle.length > 0) {
    proposal.emit({ type: 'StepCompleted', data: stepRef(service, plan, phase.name, rangesOf(idle)) });
  }
  pursueVisits(proposal, service.name, rows.map(keyOfPod));
}
