import type { EpochMs } from '@orrery/kernel';
import { countIn, isIn, numbersIn, type Ranges, type ServicesEventOf, type ServicesEventType } from '@orrery/contracts';
import { deletePod, podAt, putPod, releaseSlots, rowsIn } from './pods.js';
import { tallyOf } from './tallies.js';
import { rejoin } from './rejoin.js';
import { absentIn, completeStepsOfRuns, createRuns, startStepsOfRuns } from './run-steps.js';
import * as visits from './evolve-visits.js';
import {
  planKey,
  tallyKey,
  type PhaseRow,
  type PlanRow,
  type PodRow,
  type ServiceRow,
  type ServicesRows,
} from './state.js';
import {
  deadlineOf,
  indexAt,
  inTurn,
  isAside,
  isCanary,
  isPending,
  isWaitedFor,
  positionOf,
  tasksOfStep,
} from './steps.js';
import { putPlan, underWay } from './plan-rows.js';

type DataOf<Type extends ServicesEventType> = ServicesEventOf<Type>['data'];

export function planStarted(rows: ServicesRows, data: DataOf<'PlanStarted'>): void {
  const { service: name, plan, run, version, strategy } = data;
  const former = rows.plans.get(planKey(name, plan));
  if (former !== undefined) visits.visitsForgotten(rows, former);
  const phases = data.phases.map((phase): PhaseRow => ({
    ...phase,
    total: countIn(phase.indexes),
    next: 0,
    done: 0,
    paused: false,
    ...(isCanary(phase.strategy) ? { released: 0 } : {}),
    held: [],
    late: [],
    passed: [],
    ahead: [],
  }));
  const released = isCanary(strategy) ? { released: 0 } : {};
  const given = data.parameters === undefined ? {} : { parameters: data.parameters };
  const { onFailure, until, reason } = data;
  const more = {
    ...(onFailure === undefined ? {} : { onFailure }),
    ...(until === undefined ? {} : { until }),
    ...(reason === undefined ? {} : { reason }),
  };
  const head = { service: name, plan, run, version, strategy, phases, forced: false, paused: false };
  const row: PlanRow = { ...head, ...released, ...given, ...more, status: 'running' };
  rows.plans.put(planKey(name, plan), row);
  if (isAside(row)) return visits.noteAside(rows, row);
  const service = rows.services.get(name);
  if (service !== undefined) rows.services.put(name, { ...withSurges(service, surgesOf(phases)), plan });
  for (const phase of phases) {
    if (phase.action === 'deploy' || phase.action === 'restart') reserveSlots(rows, name, phase);
  }
}

/** Who stands in for others is wanted as long as the plan that says so has not come to taking them down. */
function surgesOf(phases: readonly PhaseRow[]): Readonly<Record<string, number>> {
  return Object.fromEntries(
    phases.flatMap(({ pod, rolling }) => (rolling === undefined || rolling.surge === 0 ? [] : [[pod, rolling.surge]])),
  );
}

function withSurges(row: ServiceRow, surges: Readonly<Record<string, number>> = {}): ServiceRow {
  const { surges: _, ...service } = row;
  return Object.keys(surges).length === 0 ? service : { ...service, surges };
}

function endSurge(rows: ServicesRows, service: ServiceRow, pod: string): void {
  if (service.surges?.[pod] === undefined) return;
  const { [pod]: _, ...surges } = service.surges;
  rows.services.put(service.name, withSurges(service, surges));
}

export function stepStarted(rows: ServicesRows, data: DataOf<'StepStarted'>): void {
  const plan = rows.plans.get(planKey(data.service, data.plan));
  const service = rows.services.get(data.service);
  if (plan === undefined || service === undefined) return;
  changePhase(rows, plan, data.phase, (phase) => {
    const { next, ahead } = started(phase, data.indexes);
    return {
      ...withoutHold(phase),
      until: data.at + deadlineOf(phase),
      next,
      ahead,
      late: phase.late.filter((index) => !isIn(data.indexes, index)),
      passed: phase.passed.filter((index) => positionOf(phase, index)! >= next),
    };
  });
  const phase = phaseOf(plan, data.phase)!;
  if (phase.action === 'run') return visits.visitsBegun(rows, plan, phase, data.indexes);
  startStepsOfRuns(rows, service, phase, data.indexes, plan.run);
  if (phase.action === 'decommission') {
    endSurge(rows, service, phase.pod);
    return decommissionStarted(rows, plan, phase, data.indexes);
  }
  const recipe = service.recipes[phase.pod] ?? service.version;
  for (const row of rowsIn(rows, data.service, phase.pod, data.indexes)) {
    putPod(rows, { ...row, recipe, step: plan.run });
  }
  const absent = absentIn(rows, data.service, phase.pod, data.indexes);
  // Each proves itself by itself; those that are alike become a run afterwards.
  const alone = phase.minimumUpMs === undefined ? createRuns(rows, service, phase.pod, absent, plan.run) : absent;
  for (const index of numbersIn(alone)) {
    putPod(rows, { ...newPod(data.service, phase.pod, index), recipe, step: plan.run });
  }
}

function withoutHold(phase: PhaseRow): PhaseRow {
  if (phase.heldBack === undefined) return phase;
  const { heldBack: _, ...rest } = phase;
  return rest;
}

/** Positions follow the indexes or go against them, so the furthest one is at an end of a range. */
function started(phase: PhaseRow, indexes: Ranges): Pick<PhaseRow, 'next' | 'ahead'> {
  if (phase.rolling === undefined && !inTurn(phase.strategy))
    return { next: Math.max(phase.next, ...indexes.flat().map((index) => positionOf(phase, index)! + 1)), ahead: [] };
  const beyond = new Set(
    [...phase.ahead, ...numbersIn(indexes)].filter((index) => positionOf(phase, index)! >= phase.next),
  );
  let { next } = phase;
  for (; beyond.size > 0; next += 1) {
    const index = indexAt(phase, next);
    if (!beyond.delete(index) && !phase.held.includes(index) && !phase.passed.includes(index)) break;
  }
  return { next, ahead: [...beyond].sort((left, right) => left - right) };
}

export function phaseHeldBack(rows: ServicesRows, data: DataOf<'PhaseHeldBack'>): void {
  const plan = rows.plans.get(planKey(data.service, data.plan));
  if (plan === undefined) return;
  changePhase(rows, plan, data.phase, (phase) => ({ ...withDeadline(phase, data.at), heldBack: data.reason }));
}

/** Pods that have something to do before their end are not yet taken down. */
function decommissionStarted(rows: ServicesRows, plan: PlanRow, phase: PhaseRow, indexes: Ranges): void {
  for (const row of rowsIn(rows, plan.service, phase.pod, indexes)) {
    if (!hasToDrain(phase, row)) {
      putPod(rows, { ...row, step: plan.run });
      continue;
    }
    putPod(rows, withoutStep(row));
    visits.visitsBegun(rows, plan, phase, [[row.index, row.index]]);
  }
}

function hasToDrain(phase: PhaseRow, { index, launched, drained, status }: PodRow): boolean {
  if (launched === undefined || drained === true || status === 'finished') return false;
  return tasksOfStep(phase, index).length > 0;
}

/** The steps go on to their end, which is that of the pods. */
export function podsDrained(rows: ServicesRows, data: DataOf<'PodsDrained'>): void {
  const plan = rows.plans.get(planKey(data.service, data.plan));
  if (plan === undefined) return;
  const phase = phaseOf(plan, data.phase)!;
  visits.visitsOver(rows, plan, phase, data.indexes);
  for (const row of rowsIn(rows, data.service, phase.pod, data.indexes)) {
    putPod(rows, { ...row, step: plan.run, drained: true });
  }
  const after = data.forced === true ? underWay(withForce(plan, true)) : plan;
  changePhase(rows, after, data.phase, (known) => withDeadline(known, data.at));
}

export function stepCompleted(rows: ServicesRows, data: DataOf<'StepCompleted'>): void {
  const plan = rows.plans.get(planKey(data.service, data.plan));
  if (plan === undefined) return;
  changePhase(rows, withForce(plan, data.forced), data.phase, (phase) => completeSteps(phase, data.indexes));
  const phase = phaseOf(plan, data.phase)!;
  if (phase.action === 'run') return visits.visitsOver(rows, plan, phase, data.indexes);
  if (phase.steps !== undefined) visits.visitsOver(rows, plan, phase, data.indexes);
  const apart = completeStepsOfRuns(rows, phase, data.service, data.indexes);
  const kept: PodRow[] = [];
  for (const row of [...rowsIn(rows, data.service, phase.pod, data.indexes), ...apart]) {
    const over = phase.action === 'decommission' && row.seat === undefined && row.request === undefined;
    if (over) {
      visits.visitsWithoutPod(rows, row);
      deletePod(rows, row);
    } else {
      const done = data.forced === true ? withoutStep(row) : asWanted(withoutStep(row));
      putPod(rows, done);
      kept.push(done);
    }
  }
  for (const row of kept) rejoin(rows, row);
  if (phase.action === 'decommission') releaseSlots(rows, data.service, phase);
}

/** The plan is in ERROR, unless it goes on without. What its other steps have begun goes on. */
export function stepFailed(rows: ServicesRows, data: DataOf<'StepFailed'>): void {
  const plan = rows.plans.get(planKey(data.service, data.plan));
  if (plan === undefined) return;
  const { reason, task, then } = data;
  const { failedTask: _, ...before } = plan;
  const why = { reason, ...(task === undefined ? {} : { failedTask: task }) };
  if (then === 'continue') return rows.plans.put(planKey(data.service, data.plan), { ...before, ...why });
  const { rollsBack: __, until: ___, ...rest } = before;
  const waits = phaseOf(plan, data.phase)?.steps === undefined && data.indexes.length > 0;
  rows.plans.put(planKey(data.service, data.plan), {
    ...rest,
    status: 'failed',
    ...why,
    ...(waits ? { stuck: data.phase } : {}),
    ...(then === 'rollback' ? { rollsBack: true } : {}),
  });
  visits.visitsFailed(rows, plan, data);
}

export function stepRestarted(rows: ServicesRows, data: DataOf<'StepRestarted'>): void {
  const failed = rows.plans.get(planKey(data.service, data.plan));
  if (failed === undefined) return;
  const plan = underWay(failed);
  const known = phaseOf(plan, data.phase)!;
  // One that drains a pod is restarted only while it does.
  if (known.action === 'run' || known.action === 'decommission') {
    const more = visits.visitsRestarted(rows, plan, known, data.indexes);
    return changePhase(rows, plan, data.phase, (phase) => ({
      ...withDeadline(phase, data.at),
      done: phase.done - more,
    }));
  }
  let again = 0;
  for (const index of numbersIn(data.indexes)) {
    const row = podAt(rows, data.service, known.pod, index);
    if (row === undefined || row.step === plan.run) continue;
    putPod(rows, { ...row, step: plan.run });
    again += 1;
  }
  changePhase(rows, plan, data.phase, (phase) => ({ ...withDeadline(phase, data.at), done: phase.done - again }));
}

export function planPaused(rows: ServicesRows, data: DataOf<'PlanPaused'>): void {
  const plan = rows.plans.get(planKey(data.service, data.plan));
  if (plan === undefined) return;
  const { step } = data;
  if (data.phase === undefined) return rows.plans.put(planKey(data.service, data.plan), { ...plan, paused: true });
  changePhase(rows, plan, data.phase, (phase) => {
    if (step === undefined) return { ...phase, paused: true };
    const index = indexOfStep(step);
    return { ...phase, held: [...phase.held, index], late: phase.late.filter((late) => late !== index) };
  });
}

/** Ends a pause, or an ERROR: what failed is tried again. Where nothing is paused, lets the canary on: its first element, then the rest. */
export function planResumed(rows: ServicesRows, data: DataOf<'PlanResumed'>): void {
  const plan = rows.plans.get(planKey(data.service, data.plan));
  if (plan === undefined) return;
  const { step } = data;
  if (plan.status === 'failed') {
    const again = underWay(plan);
    const phases = again.phases.map((phase) => (isWaitedFor(phase) ? withDeadline(phase, data.at) : phase));
    rows.plans.put(planKey(data.service, data.plan), { ...again, phases });
    return visits.visitsRetried(rows, plan);
  }
  if (data.phase === undefined) return rows.plans.put(planKey(data.service, data.plan), resume(plan));
  changePhase(rows, plan, data.phase, (phase) => {
    if (step === undefined) return withDeadline(resume(phase), data.at);
    const index = indexOfStep(step);
    const late = positionOf(phase, index)! < phase.next ? [...phase.late, index] : phase.late;
    return { ...phase, held: phase.held.filter((held) => held !== index), late };
  });
}

/** A stopped uninstall is a cancelled one. */
export function planStopped(rows: ServicesRows, data: DataOf<'PlanStopped'>): void {
  const plan = rows.plans.get(planKey(data.service, data.plan));
  if (plan === undefined || plan.run !== data.run) return;
  const stopped: PlanRow = { ...underWay(plan), status: 'stopped' };
  rows.plans.put(planKey(data.service, data.plan), stopped);
  visits.visitsForgotten(rows, stopped);
  visits.noteAside(rows, stopped);
  const service = rows.services.get(data.service);
  if (service === undefined || isAside(plan)) return;
  const uninstalling = data.plan === 'uninstall' ? { uninstalling: false } : {};
  rows.services.put(data.service, { ...withSurges(service), ...uninstalling });
}

export function phaseCompleted(rows: ServicesRows, data: DataOf<'PhaseCompleted'>): void {
  const plan = rows.plans.get(planKey(data.service, data.plan));
  if (plan === undefined) return;
  const known = phaseOf(plan, data.phase)!;
  if (known.action === 'run') visits.visitsOver(rows, plan, known, known.indexes);
  changePhase(rows, withForce(underWay(plan), true), data.phase, (phase) => {
    return { ...phase, next: phase.total, done: phase.total, held: [], late: [], passed: [], ahead: [] };
  });
}

export function planCompleted(rows: ServicesRows, data: DataOf<'PlanCompleted'>): void {
  const plan = rows.plans.get(planKey(data.service, data.plan));
  if (plan === undefined || plan.run !== data.run) return;
  const left = withForce(plan.status === 'failed' ? underWay(plan) : plan, data.forced);
  const complete: PlanRow = { ...left, status: 'complete' };
  rows.plans.put(planKey(data.service, data.plan), complete);
  if (data.forced === true) visits.visitsForgotten(rows, complete);
  visits.noteAside(rows, complete);
  const service = rows.services.get(data.service);
  if (service === undefined || !(data.plan === 'deploy' || data.plan === 'update')) return;
  const good = complete.forced ? {} : { good: plan.version };
  rows.services.put(data.service, {
    ...withSurges(service),
    ...good,
    deployed: true,
    settled: service.settled || !complete.forced,
  });
}

export function phaseOf(plan: PlanRow, name: string): PhaseRow | undefined {
  return plan.phases.find((phase) => phase.name === name);
}

/** The pod index in the name of a step, such as 3 of `web-3`. */
export function indexOfStep(step: string): number {
  return Number(step.slice(step.lastIndexOf('-') + 1));
}

function newPod(service: PodRow['service'], pod: string, index: number): Omit<PodRow, 'recipe'> {
  return { service, pod, index, status: 'placing', attempt: 0, tasks: {} };
}

function withoutStep(row: PodRow): PodRow {
  return { ...row, step: undefined };
}

function completeSteps(phase: PhaseRow, indexes: Ranges): PhaseRow {
  const passed: number[] = [];
  for (const index of numbersIn(indexes)) {
    if (isPending(phase, index) && positionOf(phase, index)! >= phase.next) passed.push(index);
  }
  return {
    ...phase,
    done: phase.done + countIn(indexes),
    held: phase.held.filter((index) => !isIn(indexes, index)),
    late: phase.late.filter((index) => !isIn(indexes, index)),
    passed: passed.length === 0 ? phase.passed : [...phase.passed, ...passed],
  };
}

function resume<Element extends PlanRow | PhaseRow>(element: Element): Element {
  if (element.paused) return { ...element, paused: false };
  const { released, ...rest } = element;
  return released === 0 ? { ...element, released: 1 } : (rest as Element);
}

/** What it runs is what its recipe asks for, whichever version it was launched at. */
function asWanted(row: PodRow): PodRow {
  return row.launched === undefined ? row : { ...row, launched: row.recipe };
}

function withDeadline(phase: PhaseRow, at: EpochMs): PhaseRow {
  return { ...phase, until: at + deadlineOf(phase) };
}

function withForce(plan: PlanRow, forced: boolean | undefined): PlanRow {
  return forced === true ? { ...plan, forced } : plan;
}

function changePhase(rows: ServicesRows, plan: PlanRow, name: string, change: (phase: PhaseRow) => PhaseRow): void {
  const phases = plan.phases.map((phase) => (phase.name === name ? change(phase) : phase));
  putPlan(rows, { ...plan, phases });
}

function reserveSlots(rows: ServicesRows, service: string, phase: PhaseRow): void {
  const tally = tallyOf(rows, service, phase.pod);
  const slots = Math.max(tally.slots, ...phase.indexes.map(([, last]) => last + 1));
  if (slots > tally.slots) rows.tallies.put(tallyKey(service, phase.pod), { ...tally, slots });
}
