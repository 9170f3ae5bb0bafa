import type { PlanStatus, PlanStrategy } from '@orrery/contracts';
import { podAt, podsOf } from './pods.js';
import { countsOf, isUp } from './tallies.js';
import { launchesOf, planKey, type PhaseRow, type PlanRow, type PodRow, type ServicesRows } from './state.js';
import { runsOf } from './run-rows.js';
import { firstPodOf } from './runs.js';
import { indexAt, isBeingDrained, isCanary, isOpen, isPending, positionOf } from './steps.js';
import { wantedCount } from './wanted.js';

export interface StepView {
  readonly name: string;
  readonly status: PlanStatus;
  readonly message?: string;
}

export interface PhaseView {
  readonly name: string;
  readonly status: PlanStatus;
  readonly strategy: PlanStrategy;
  readonly total: number;
  readonly complete: number;
  /** Why nothing more of it starts now. */
  readonly message?: string;
  /** In the order of work; only the first of a very large phase. */
  readonly steps: readonly StepView[];
}

export interface PlanView {
  readonly name: string;
  readonly status: PlanStatus;
  readonly strategy: PlanStrategy;
  /** Of the service, that the plan leads to. */
  readonly version: number;
  readonly phases: readonly PhaseView[];
  readonly parameters?: Readonly<Record<string, string>>;
  /** ERROR: why. */
  readonly message?: string;
  /** ERROR: id of the task whose failures are the reason; its output may tell more. */
  readonly failedTask?: string;
}

const STEPS_SHOWN_MAX = 10_000;

/** The latest run of a plan, or what is being recovered under the name `recovery`. */
export function planView(
  rows: ServicesRows,
  service: string,
  plan: string,
  stepsMax = STEPS_SHOWN_MAX,
): PlanView | undefined {
  if (plan === 'recovery') return recoveryView(rows, service, stepsMax);
  const row = rows.plans.get(planKey(service, plan));
  if (row === undefined) return undefined;
  const phases = row.phases.map((phase) => phaseView(rows, row, phase, stepsMax));
  const { strategy, version, parameters, reason, failedTask } = row;
  const more = {
    ...(parameters === undefined ? {} : { parameters }),
    ...(reason === undefined ? {} : { message: reason }),
    ...(failedTask === undefined ? {} : { failedTask }),
  };
  return { name: plan, status: statusOf(row, phases), strategy, version, phases, ...more };
}

/** The plans of a service that have run, by name, and `recovery`. */
export function planViews(rows: ServicesRows, service: string, stepsMax = STEPS_SHOWN_MAX): PlanView[] {
  const names: string[] = [];
  for (const [key, row] of rows.plans.entries(planKey(service, ''))) {
    if (!key.startsWith(planKey(service, ''))) break;
    names.push(row.plan);
  }
  return [...names, 'recovery'].flatMap((name) => planView(rows, service, name, stepsMax) ?? []);
}

function phaseView(rows: ServicesRows, plan: PlanRow, phase: PhaseRow, stepsMax: number): PhaseView {
  const steps: StepView[] = [];
  for (let position = 0; position < Math.min(phase.total, stepsMax); position += 1) {
    steps.push(stepView(rows, plan, phase, indexAt(phase, position)));
  }
  const { name, strategy, total, done, heldBack } = phase;
  const complete = Math.min(total, done + upInRuns(rows, plan, phase));
  const message = heldBack === undefined || done >= total ? {} : { message: heldBack };
  return { name, status: phaseStatus(plan, phase, steps), strategy, total, complete, ...message, steps };
}

/** Steps that are complete and not counted yet, since others of their run are not. */
function upInRuns(rows: ServicesRows, { service, run: step, status }: PlanRow, phase: PhaseRow): number {
  if (phase.done >= phase.total || phase.action === 'decommission' || phase.action === 'run' || status !== 'running')
    return 0;
  let up = 0;
  for (const [, run] of runsOf(rows, service, phase.pod)) {
    if (run.step === step && run.pods > 0 && positionOf(phase, firstPodOf(run)) !== undefined) up += run.up;
  }
  return up;
}

function stepView(rows: ServicesRows, plan: PlanRow, phase: PhaseRow, index: number): StepView {
  const name = `${phase.pod}-${index}`;
  if (phase.done >= phase.total || phase.passed.includes(index)) return { name, status: 'COMPLETE' };
  if (isPending(phase, index)) {
    const waits = plan.paused || phase.paused || phase.held.includes(index);
    return { name, status: waits && plan.status === 'running' ? 'WAITING' : 'PENDING' };
  }
  const row = podAt(rows, plan.service, phase.pod, index);
  if (phase.action === 'run' || (row !== undefined && isBeingDrained(row, plan, phase)))
    return { name, ...visitOf(plan, phase, row) };
  if (row?.step !== plan.run) return { name, status: 'COMPLETE' };
  if (!isOpen(plan)) return { name, status: 'PENDING' };
  const work = workOf(row);
  if (plan.stuck !== phase.name) return { name, ...work };
  // The reason names the step that failed; others of the phase say what they wait for.
  const failed = plan.reason?.includes(`${name} `) === true ? { message: plan.reason } : {};
  return { name, ...work, ...failed, status: 'ERROR' };
}

/** How far the tasks are that a step runs beside those of a pod. */
function visitOf(plan: PlanRow, phase: PhaseRow, row: PodRow | undefined): Omit<StepView, 'name'> {
  const visit = row?.visits?.find(({ run, phase: of }) => run === plan.run && of === phase.name);
  if (row === undefined || visit === undefined) return { status: plan.status === 'stopped' ? 'PENDING' : 'COMPLETE' };
  if (visit.failed !== undefined) return { status: 'ERROR', message: visit.failed };
  const task = visit.tasks[visit.at] ?? '';
  const tries = visit.failures === 0 ? '' : `, failed ${visit.failures} times`;
  if (visit.launched) {
    const status = row.tasks[task]?.status === 'running' ? 'STARTED' : 'STARTING';
    return { status, message: `runs ${task}${tries}` };
  }
  if (visit.until !== undefined) return { status: 'DELAYED', message: `waits for the next try of ${task}${tries}` };
  return { status: 'PREPARED', message: `${task} waits until the pod is up and free` };
}

/** What is going on with a pod that is not yet as it should be. */
export function workOf(row: PodRow): { readonly status: PlanStatus; readonly message?: string } {
  switch (row.status) {
    case 'placing':
      if (row.request !== undefined) return { status: 'PREPARED', message: `waits for a place${afterWhat(row)}` };
      return { status: 'DELAYED', message: 'waits until its former life is known to be over' };
    case 'stopping':
      if (launchesOf(row).length > 0)
        return { status: 'STARTING', message: `the tasks before it are ending${afterWhat(row)}` };
      return { status: 'DELAYED', message: 'waits for its next try' };
    case 'waiting':
      return { status: 'DELAYED', message: `waits for ${row.seat!.agent}, where its data is` };
    case 'finished':
      return { status: 'COMPLETE' };
    case 'live':
      if (row.resizing?.request !== undefined)
        return {
          status: 'PREPARED',
          message: `waits for room on ${row.seat!.agent}, where its data is, for its new size`,
        };
      if (row.waits === true) return { status: 'PREPARED', message: 'waits until its peers have places' };
      if (launchesOf(row).length === 0) return { status: 'DELAYED', message: 'waits for its next try' };
      if (Object.values(row.tasks).some(({ status }) => status === 'ordered')) return { status: 'STARTING' };
      if (row.probationUntil !== undefined)
        return {
          status: 'STARTED',
          message: 'is ready, and has to stay so for the minimum time before it counts as up',
        };
      return { status: 'STARTED' };
  }
}

function afterWhat({ preemptedBy: by }: PodRow): string {
  return by === undefined ? '' : `: it made way for ${by.service} ${by.pod} (${by.role}, priority ${by.priority})`;
}

function phaseStatus(plan: PlanRow, phase: PhaseRow, steps: readonly StepView[]): PlanStatus {
  if (phase.done >= phase.total) return 'COMPLETE';
  if (plan.status === 'stopped') return 'PENDING';
  if (steps.some(({ status }) => status === 'ERROR')) return 'ERROR';
  if (plan.paused || phase.paused || waitsForWord(phase)) return 'WAITING';
  if (phase.heldBack !== undefined || steps.some(({ status }) => status === 'DELAYED')) return 'DELAYED';
  return phase.next === 0 ? 'PENDING' : 'IN_PROGRESS';
}

/** A canary whose released steps are done stands until an operator lets it on. */
function waitsForWord(phase: PhaseRow): boolean {
  return isCanary(phase.strategy) && phase.released !== undefined && phase.done >= phase.released;
}

function statusOf(plan: PlanRow, phases: readonly PhaseView[]): PlanStatus {
  if (plan.status === 'complete') return 'COMPLETE';
  if (plan.status === 'stopped') return 'PENDING';
  if (plan.status === 'failed') return 'ERROR';
  if (plan.paused) return 'WAITING';
  const open = phases.filter(({ status }) => status !== 'COMPLETE').map(({ status }) => status);
  for (const status of ['DELAYED', 'IN_PROGRESS'] as const) if (open.includes(status)) return status;
  const released = plan.released !== undefined && phases.length - open.length >= plan.released;
  if (released || open.includes('WAITING')) return 'WAITING';
  return phases.length === open.length ? 'PENDING' : 'IN_PROGRESS';
}

/** Pods that are not up although no plan works on them. */
function recoveryView(rows: ServicesRows, name: string, stepsMax: number): PlanView | undefined {
  const service = rows.services.get(name);
  if (service === undefined) return undefined;
  const run = service.plan === undefined ? undefined : rows.plans.get(planKey(name, service.plan));
  const phases: PhaseView[] = [];
  for (const pod of Object.keys(service.recipes)) {
    const tally = countsOf(rows, name, pod);
    if (tally.pods === tally.up || service.uninstalling) continue;
    const steps: StepView[] = [];
    for (const row of podsOf(rows, name, pod)) {
      if (row.index >= wantedCount(rows, service, pod) || steps.length >= stepsMax) break;
      const planned = run?.status === 'running' && row.step === run.run;
      if (!planned && !isUp(row)) steps.push({ name: `${pod}-${row.index}`, ...workOf(row) });
    }
    if (steps.length === 0) continue;
    const status = steps.some((step) => step.status === 'DELAYED') ? 'DELAYED' : 'IN_PROGRESS';
    phases.push({ name: pod, status, strategy: 'parallel', total: steps.length, complete: 0, steps });
  }
  const delayed = phases.some(({ status }) => status === 'DELAYED');
  const status = phases.length === 0 ? 'COMPLETE' : delayed ? 'DELAYED' : 'IN_PROGRESS';
  return { name: 'recovery', status, strategy: 'parallel', version: service.version, phases };
}
