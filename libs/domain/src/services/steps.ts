import { rangesOf, type PlanStrategy, type Ranges } from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import type { PhaseRow, PlanRow, PodRow } from './state.js';

/**
 * Which steps of a plan may start now: a question to its row alone, so that a plan over a million pods costs no more than
 * one over three, and `continues` costs nothing.
 */
export function hasOpenSteps(plan: PlanRow): boolean {
  return openPhases(plan).some((phase) => phase.heldBack === undefined && openSteps(phase, 1).length > 0);
}

/** Nothing is left of it but to say so. An uninstall ends by what it waits for after its steps. */
export function isOver(plan: PlanRow): boolean {
  if (plan.status !== 'running' || plan.plan === 'uninstall') return false;
  return plan.phases.every((phase) => phase.done >= phase.total);
}

/** Phases in which steps may start. */
export function openPhases(plan: PlanRow): PhaseRow[] {
  if (plan.status !== 'running' || plan.paused) return [];
  const released = plan.phases.slice(0, plan.released ?? plan.phases.length);
  const unfinished = released.filter((phase) => phase.done < phase.total);
  const [first] = unfinished;
  const allowed = inTurn(plan.strategy)
    ? unfinished.filter((phase) => phase === first || isOfGang(phase, first!))
    : unfinished;
  return allowed.filter(
    (phase) =>
      !unfinished.some((other) => other.paused && (other === phase || isOfGang(other, phase))) &&
      (!comesLast(unfinished, phase) || isNextOfItsPod(unfinished, phase)),
  );
}

/** Phases of a gang begin together: none while one of them is paused. */
export function isOfGang({ gang }: PhaseRow, other: PhaseRow): boolean {
  return gang !== undefined && gang === other.gang;
}

/** What runs beside pods comes after what brings them there, and those who stand in for others go when these are there. */
function comesLast(unfinished: readonly PhaseRow[], { pod, action }: PhaseRow): boolean {
  if (action !== 'decommission') return action === 'run';
  return unfinished.some((phase) => phase.pod === pod && (phase.rolling?.surge ?? 0) > 0);
}

function isNextOfItsPod(unfinished: readonly PhaseRow[], phase: PhaseRow): boolean {
  return unfinished.find(({ pod }) => pod === phase.pod) === phase;
}

/** Plans that bring a service to what is wanted of it. */
const STANDARD_PLANS: ReadonlySet<string> = new Set(['deploy', 'update', 'uninstall']);

export function isStandard(plan: string): boolean {
  return STANDARD_PLANS.has(plan);
}

/** A plan of the user's own that leaves all pods as they are: others may be under way beside it. */
export function isAside({ plan, phases }: PlanHead): boolean {
  return !isStandard(plan) && phases.length > 0 && phases.every(({ action }) => action === 'run');
}

interface PlanHead {
  readonly plan: string;
  readonly phases: readonly Pick<PhaseRow, 'action'>[];
}

/** The tasks that a step runs, one after the other. */
export function tasksOfStep({ steps = [] }: Pick<PhaseRow, 'steps'>, index: number): string[] {
  const own = steps.filter(([pod]) => pod === index);
  return (own.length > 0 ? own : steps.filter(([pod]) => pod === 'default')).flatMap(([, tasks]) => tasks);
}

/** A step of this phase has something to do there before it takes the pod down. */
export function isBeingDrained({ visits }: PodRow, { run }: PlanRow, { name, action }: PhaseRow): boolean {
  return action === 'decommission' && visits?.some((visit) => visit.run === run && visit.phase === name) === true;
}

/** A pod that was placed and started takes no longer, or somebody should look at it; Kubernetes and Nomad wait as long. */
const STEP_DEADLINE_MS = 600_000;
/** Repairs and moves of data take hours, and nobody knows how many. */
const TASK_DEADLINE_MS = 86_400_000;

/** How long a step of this phase may take. */
export function deadlineOf({
  deadlineMs,
  steps,
  minimumUpMs = 0,
}: Pick<PhaseRow, 'deadlineMs' | 'steps' | 'minimumUpMs'>): number {
  return (deadlineMs ?? (steps === undefined ? STEP_DEADLINE_MS : TASK_DEADLINE_MS)) + minimumUpMs;
}

/** When it has to be told that something of a plan is overdue. An uninstall leaves behind what it can't reach, and needs none. */
export function deadlineOfPlan(plan: PlanRow): EpochMs | undefined {
  if (plan.status !== 'running' || plan.plan === 'uninstall') return undefined;
  let earliest = plan.until;
  for (const phase of plan.phases) {
    if (phase.until === undefined || !isWaitedFor(phase)) continue;
    if (earliest === undefined || phase.until < earliest) earliest = phase.until;
  }
  return earliest;
}

/** Something of it is under way, or could be if other pods were up. */
export function isWaitedFor(phase: PhaseRow): boolean {
  return stepsUnderWay(phase) > 0 || (phase.heldBack !== undefined && !phase.paused);
}

/** Its steps, once started, go on to their end: in ERROR nothing more of it starts, but what it began does. */
export function isOpen({ status }: Pick<PlanRow, 'status'>): boolean {
  return status === 'running' || status === 'failed';
}

/** How many steps have started and are not complete. */
export function stepsUnderWay(phase: PhaseRow): number {
  return startedIn(phase) - (phase.done - phase.passed.length);
}

function startedIn(phase: PhaseRow): number {
  return phase.next - phase.late.length - heldBefore(phase) + phase.ahead.length;
}

/** Steps of a phase that may start beside those under way; endless where nothing says how many. */
export function windowOf(phase: PhaseRow): number {
  const { strategy, rolling } = phase;
  if (inTurn(strategy)) return 1 - stepsUnderWay(phase);
  return rolling === undefined ? Infinity : rolling.unavailableMax + rolling.surge - stepsUnderWay(phase);
}

/** Pod indexes of the steps of a phase that may start now, at most `max`, in the order of work. */
export function openSteps(phase: PhaseRow, max: number): number[] {
  const limit = Math.min(max, windowOf(phase), (phase.released ?? phase.total) - startedIn(phase));
  const open: number[] = phase.late.slice(0, Math.max(0, limit));
  for (let position = phase.next; position < phase.total && open.length < limit; position += 1) {
    const index = indexAt(phase, position);
    if (phase.passed.includes(index) || phase.ahead.includes(index)) continue;
    if (!phase.held.includes(index)) open.push(index);
    else if (inTurn(phase.strategy)) break;
  }
  return open;
}

/** The phase that the started step on this pod belongs to. */
export function phaseOfStep(plan: PlanRow, pod: string, index: number): PhaseRow | undefined {
  const phases = plan.phases.filter(
    (phase) => phase.pod === pod && phase.action !== 'run' && positionOf(phase, index) !== undefined,
  );
  return phases.find((phase) => phase.done < phase.total) ?? phases[0];
}

/** As ranges, which may be long where nothing is held back. */
export function openRanges(phase: PhaseRow, max: number): Ranges {
  const even = phase.held.length + phase.late.length + phase.passed.length + phase.ahead.length === 0;
  if (!even || inTurn(phase.strategy)) return rangesOf(openSteps(phase, max));
  const count = Math.min(max, (phase.released ?? phase.total) - phase.next, phase.total - phase.next);
  const from = phase.action === 'decommission' ? phase.total - phase.next - count : phase.next;
  return count <= 0 ? [] : rangesBetween(phase.indexes, from, from + count);
}

/** Of the numbers in some ranges those from one place in their order to another (not included). */
function rangesBetween(ranges: Ranges, from: number, to: number): Ranges {
  const between: (readonly [number, number])[] = [];
  let before = 0;
  for (const [first, last] of ranges) {
    const begin = Math.max(first, first + from - before);
    const end = Math.min(last, first + to - before - 1);
    if (begin <= end) between.push([begin, end]);
    before += last - first + 1;
  }
  return between;
}

export function inTurn(strategy: PlanStrategy): boolean {
  return strategy === 'serial' || strategy === 'serial-canary';
}

export function isCanary(strategy: PlanStrategy): boolean {
  return strategy === 'serial-canary' || strategy === 'parallel-canary';
}

/** The pod index at a position in the order of work: as listed, or highest first where pods are taken down. */
export function indexAt(phase: PhaseRow, position: number): number {
  let rest = phase.action === 'decommission' ? phase.total - 1 - position : position;
  for (const [first, last] of phase.indexes) {
    const length = last - first + 1;
    if (rest < length) return first + rest;
    rest -= length;
  }
  return -1;
}

/** The position of a pod index in the order of work, or nothing when the phase is not about it. */
export function positionOf(phase: PhaseRow, index: number): number | undefined {
  let before = 0;
  for (const [first, last] of phase.indexes) {
    if (index >= first && index <= last) {
      const position = before + index - first;
      return phase.action === 'decommission' ? phase.total - 1 - position : position;
    }
    before += last - first + 1;
  }
  return undefined;
}

/** Whether the step on a pod index has not started yet. */
export function isPending(phase: PhaseRow, index: number): boolean {
  const position = positionOf(phase, index);
  if (position === undefined || phase.passed.includes(index) || phase.ahead.includes(index)) return false;
  return position >= phase.next || phase.held.includes(index) || phase.late.includes(index);
}

function heldBefore(phase: PhaseRow): number {
  return phase.held.filter((index) => positionOf(phase, index)! < phase.next).length;
}
