import type { EpochMs } from '@orrery/kernel';
import { isIn, numbersIn, type Ranges, type StepRef } from '@orrery/contracts';
import { putPlan } from './plan-rows.js';
import { podAt, putPod, rowsOf } from './pods.js';
import { planKey, type PhaseRow, type PlanRow, type PodRow, type ServicesRows, type VisitRow } from './state.js';
import { isAside, isOpen, tasksOfStep } from './steps.js';

/** Pods of these steps have something more to run, after what other steps run there. */
export function visitsBegun(rows: ServicesRows, plan: PlanRow, phase: PhaseRow, ranges: Ranges): void {
  for (const index of numbersIn(ranges)) {
    const row = podAt(rows, plan.service, phase.pod, index);
    const tasks = tasksOfStep(phase, index);
    if (row === undefined || tasks.length === 0) continue;
    const visit = { plan: plan.plan, run: plan.run, phase: phase.name, tasks, at: 0, launched: false, failures: 0 };
    putPod(rows, { ...row, visits: [...(row.visits ?? []), visit] });
  }
}

/** What these steps ran there is over, or not waited for any more. */
export function visitsOver(rows: ServicesRows, plan: PlanRow, phase: PhaseRow, ranges: Ranges): void {
  for (const index of numbersIn(ranges)) {
    const row = podAt(rows, plan.service, phase.pod, index);
    if (row?.visits !== undefined) putPod(rows, withVisits(row, row.visits.filter(isNotOf(plan, phase.name))));
  }
}

/** These steps begin anew. */
export function visitsRestarted(rows: ServicesRows, plan: PlanRow, phase: PhaseRow, ranges: Ranges): number {
  let again = 0;
  for (const index of numbersIn(ranges)) {
    const row = podAt(rows, plan.service, phase.pod, index);
    if (row === undefined) continue;
    const others = (row.visits ?? []).filter(isNotOf(plan, phase.name));
    if (others.length === (row.visits?.length ?? 0)) again += 1;
    putPod(rows, withVisits(row, others));
  }
  visitsBegun(rows, plan, phase, ranges);
  return again;
}

/** Nothing of the plan is tried again before somebody says so. */
export function visitsFailed(rows: ServicesRows, plan: PlanRow, { phase, indexes, reason }: FailedStep): void {
  changeVisits(rows, plan, (visit, index) => {
    const now = withoutDelay(visit);
    return visit.phase === phase && isIn(indexes, index) ? { ...now, failed: reason } : now;
  });
}

type FailedStep = StepRef & { readonly reason: string };

/** Nobody waits any more for what this run of a plan began; a task that runs goes on to its end. */
export function visitsForgotten(rows: ServicesRows, plan: PlanRow): void {
  changeVisits(rows, plan, () => undefined);
}

/** Steps that failed for good are tried again. */
export function visitsRetried(rows: ServicesRows, plan: PlanRow): void {
  changeVisits(rows, plan, (visit) => {
    const { failed: _, ...rest } = visit;
    return { ...rest, failures: 0 };
  });
}

function changeVisits(
  rows: ServicesRows,
  plan: PlanRow,
  change: (visit: VisitRow, index: number) => VisitRow | undefined,
): void {
  for (const pod of new Set(plan.phases.filter(({ steps }) => steps !== undefined).map((phase) => phase.pod))) {
    const visited = [...rowsOf(rows, plan.service, pod)].filter(({ visits }) =>
      visits?.some(({ run }) => run === plan.run),
    );
    for (const row of visited) {
      const visits = row.visits!.flatMap((visit) =>
        visit.run === plan.run ? (change(visit, row.index) ?? []) : visit,
      );
      putPod(rows, withVisits(row, visits));
    }
  }
}

/** A pod is no more: steps on it have nothing left to do. */
export function visitsWithoutPod(rows: ServicesRows, { service, visits = [] }: PodRow): void {
  for (const { plan: name, run, phase } of visits) {
    const plan = rows.plans.get(planKey(service, name));
    if (plan?.run !== run) continue;
    const phases = plan.phases.map((other) => (other.name === phase ? { ...other, done: other.done + 1 } : other));
    putPlan(rows, { ...plan, phases });
  }
}

/** A step of this plan has its next task launched here. */
export function visitLaunched(row: PodRow, plan: string): PodRow {
  const next = row.visits?.find((visit) => visit.plan === plan && visit.failed === undefined);
  return changed(row, next, (visit) => ({ ...withoutDelay(visit), launched: true }));
}

/** A task that a step runs has come to its end. */
export function visitEnded(row: PodRow, reachedGoal: boolean): PodRow {
  const now = row.visits?.find(({ launched }) => launched);
  return changed(row, now, (visit) => {
    const over = { ...visit, launched: false };
    return reachedGoal ? { ...over, at: visit.at + 1, failures: 0 } : over;
  });
}

export function visitDelayed(row: PodRow, plan: string, until: EpochMs, failures: number): PodRow {
  const next = row.visits?.find((visit) => visit.plan === plan && visit.failed === undefined);
  return changed(row, next, (visit) => ({ ...visit, until, failures }));
}

/** The pod lost its place, and with it whatever ran there. */
export function visitsCutOff(visits: readonly VisitRow[]): VisitRow[] {
  return visits.map((visit) => ({ ...visit, launched: false }));
}

function changed(row: PodRow, visit: VisitRow | undefined, change: (visit: VisitRow) => VisitRow): PodRow {
  if (visit === undefined) return row;
  return { ...row, visits: row.visits!.map((other) => (other === visit ? change(other) : other)) };
}

/** Keeps what the service knows of plans that run beside its pods. */
export function noteAside(rows: ServicesRows, plan: PlanRow): void {
  const service = rows.services.get(plan.service);
  if (service === undefined || !isAside(plan)) return;
  const { asides = [], ...rest } = service;
  const others = asides.filter((name) => name !== plan.plan);
  const open = isOpen(plan) ? [...others, plan.plan].sort() : others;
  rows.services.put(plan.service, open.length === 0 ? rest : { ...rest, asides: open });
}

function isNotOf({ run }: PlanRow, phase: string): (visit: VisitRow) => boolean {
  return (visit) => visit.run !== run || visit.phase !== phase;
}

function withVisits(row: PodRow, visits: readonly VisitRow[]): PodRow {
  const { visits: _, ...rest } = row;
  return visits.length === 0 ? rest : { ...rest, visits };
}

function withoutDelay(visit: VisitRow): VisitRow {
  const { until: _, ...rest } = visit;
  return rest;
}
