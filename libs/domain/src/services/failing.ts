import { idRunsOf, podName, rangesOf, taskId, type LaunchId } from '@orrery/contracts';
import { stepRef } from './completion.js';
import { orderKillsOf } from './launch.js';
import { workOf } from './plan-view.js';
import { rowsOf } from './pods.js';
import type { Proposal } from './proposal.js';
import { membersOf, runsOf } from './run-rows.js';
import { planKey, type PhaseRow, type PlanRow, type PodRow, type ServiceRow, type ServicesRows } from './state.js';
import { deadlineOf, isWaitedFor, phaseOfStep, positionOf } from './steps.js';
import { isUp } from './tallies.js';

/** Steps that one event names; the rest is counted. */
const STEPS_TOLD_MAX = 100;

interface Failure {
  readonly phase: string;
  readonly indexes: readonly number[];
  readonly reason: string;
  /** Id of the task that failed. */
  readonly task?: string;
}

/** Steps have failed for good: the plan is in ERROR, or goes on as its spec says. */
export function failSteps(proposal: Proposal, service: ServiceRow, plan: PlanRow, failure: Failure): void {
  const { onFailure, status } = plan;
  if (status !== 'running') return;
  const step = stepRef(service, plan, failure.phase, rangesOf(failure.indexes));
  // Only an update has something to go back to.
  const follows =
    (onFailure === 'rollback' && plan.plan !== 'update') || goesNowhere(failure, onFailure) ? undefined : onFailure;
  const then = follows === undefined ? {} : { then: follows };
  const task = failure.task === undefined ? {} : { task: failure.task };
  proposal.emit({ type: 'StepFailed', data: { ...step, reason: failure.reason, ...task, ...then } });
  if (follows === 'continue') proposal.emit({ type: 'StepCompleted', data: { ...step, forced: true } });
}

/** Without steps to go on without, the same would be told for ever. */
function goesNowhere({ indexes }: Failure, onFailure: PlanRow['onFailure']): boolean {
  return onFailure === 'continue' && indexes.length === 0;
}

/** Says of a plan what did not come in time, and what that waits for. */
export function tellOverdue(proposal: Proposal, key: string): void {
  const { at } = proposal.context;
  for (const { name } of proposal.state.plans.get(key)?.phases ?? []) {
    const plan = proposal.state.plans.get(key)!;
    const phase = plan.phases.find((candidate) => candidate.name === name)!;
    if (phase.until === undefined || phase.until > at || !isWaitedFor(phase)) continue;
    tellPhase(proposal, plan, phase, `was not complete after ${deadlineOf(phase) / 1000} s`);
  }
  const plan = proposal.state.plans.get(key);
  if (plan?.status !== 'running' || plan.until === undefined || plan.until > at) return;
  const open = plan.phases.find((phase) => phase.done < phase.total) ?? plan.phases[0]!;
  tellPhase(proposal, plan, open, `is open at the deadline of plan ${plan.plan}`);
}

function tellPhase(proposal: Proposal, plan: PlanRow, phase: PhaseRow, what: string): void {
  const service = proposal.state.services.get(plan.service);
  if (service === undefined) return;
  const rows = underWayIn(proposal.state, plan, phase);
  const [first] = rows;
  const others =
    rows.length > 1 ? `, and ${rows.length - 1} more${rows.length < STEPS_TOLD_MAX ? '' : ' at least'}` : '';
  const reason =
    first === undefined
      ? `phase ${phase.name} ${what}${phase.heldBack === undefined ? '' : `: ${phase.heldBack}`}`
      : `${podName(first.pod, first.index)} ${what}: ${waitsFor(first, plan, phase)}${others}`;
  endVisits(proposal, service, plan, rows);
  const indexes = rows.map(({ index }) => index);
  const failing = first === undefined ? undefined : failingOf(first);
  const task = failing === undefined ? {} : { task: taskId(service.name, phase.pod, first!.index, failing.name) };
  failSteps(proposal, service, plan, { phase: phase.name, indexes, reason, ...task });
}

/** A task of the pod whose last ends were failures. */
function failingOf({ tasks }: PodRow): { readonly name: string; readonly failures: number } | undefined {
  const found = Object.entries(tasks).find(([, { failures }]) => failures > 0);
  return found && { name: found[0], failures: found[1].failures };
}

/** What a step runs beside a pod ends at its deadline, so that others find the pod free. */
function endVisits(proposal: Proposal, service: ServiceRow, { run }: PlanRow, rows: readonly PodRow[]): void {
  const launches = rows.flatMap(({ visits, tasks }): LaunchId[] => {
    const visit = visits?.find((candidate) => candidate.run === run && candidate.launched);
    const launch = visit === undefined ? undefined : tasks[visit.tasks[visit.at]!]?.launch;
    return launch === undefined ? [] : [launch];
  });
  orderKillsOf(proposal, service, idRunsOf(launches.sort()), 'overdue');
}

function waitsFor(row: PodRow, { run }: PlanRow, { name }: PhaseRow): string {
  const visit = row.visits?.find((candidate) => candidate.run === run && candidate.phase === name);
  if (visit !== undefined) {
    const task = visit.tasks[visit.at] ?? '';
    return visit.launched ? `${task} has not ended` : `${task} waits until the pod is up and free`;
  }
  const { status, message } = workOf(row);
  const late = Object.entries(row.tasks).filter(([, task]) => task.status !== 'ready' && task.status !== 'finished');
  const tasks = late.map(([task]) => task).join(', ');
  const failing = failingOf(row);
  const often = failing === undefined ? '' : `, ${failing.name} has failed ${failing.failures} times`;
  const what = message ?? (status === 'STARTING' ? `its agent has not started ${tasks}` : `${tasks} is not ready`);
  return `${what}${often}`;
}

/** Pods whose steps of this phase have started and are not complete, the first by index. */
function underWayIn(rows: ServicesRows, plan: PlanRow, phase: PhaseRow): PodRow[] {
  const found: PodRow[] = [];
  const take = (row: PodRow) => {
    const own = row.step === plan.run && phase.action !== 'run' && phaseOfStep(plan, row.pod, row.index) === phase;
    const visited = row.visits?.some((visit) => visit.run === plan.run && visit.phase === phase.name) === true;
    if (positionOf(phase, row.index) !== undefined && (own || visited)) found.push(row);
    return found.length < STEPS_TOLD_MAX;
  };
  for (const row of rowsOf(rows, plan.service, phase.pod)) if (!take(row)) return found;
  for (const [, run] of runsOf(rows, plan.service, phase.pod)) {
    if (run.step !== plan.run) continue;
    for (const row of membersOf(rows, run)) if (!isUp(row) && !take(row)) return found;
  }
  return found;
}

/** How a task ended, once more in a row. */
export interface TaskFailure {
  readonly task: string;
  readonly failures: number;
  /** Such as `exited with code 3`. */
  readonly how: string;
  /** What the agent found, or the last line that the task wrote. */
  readonly said?: string;
}

/** A task of a pod that a step brings up has failed once more in a row. */
export function taskFailed(
  proposal: Proposal,
  service: ServiceRow,
  { pod, index }: PodRow,
  failure: TaskFailure,
): void {
  const plan = service.plan === undefined ? undefined : proposal.state.plans.get(planKey(service.name, service.plan));
  const phase = plan?.status === 'running' ? phaseOfStep(plan, pod, index) : undefined;
  if (plan === undefined || phase?.attemptsMax === undefined || failure.failures < phase.attemptsMax) return;
  failByTask(proposal, service, plan, { ...failure, pod, index, phase: phase.name });
}

/** A step has failed for good since one of its tasks has, too often. */
export function failByTask(
  proposal: Proposal,
  service: ServiceRow,
  plan: PlanRow,
  {
    task,
    failures,
    how,
    said,
    pod,
    index,
    phase,
  }: TaskFailure & Pick<PodRow, 'pod' | 'index'> & { readonly phase: string },
): void {
  const often = failures === 1 ? '' : `, ${failures} times`;
  const reason = `${task} of ${podName(pod, index)} ${how}${often}${said === undefined ? '' : `: ${said}`}`;
  failSteps(proposal, service, plan, { phase, indexes: [index], reason, task: taskId(service.name, pod, index, task) });
}
