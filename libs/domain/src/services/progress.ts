import { rangesOf, type ServicesEvent, type StepRef } from '@orrery/contracts';
import { continueDrains } from './drain.js';
import { orderKills } from './launch.js';
import { podAt, podByKey } from './pods.js';
import type { Proposal } from './proposal.js';
import { settle } from './settle.js';
import { launchesOf, planKey, podKey, type PhaseRow, type PlanRow, type PodRow, type ServiceRow } from './state.js';
import { inTurn, openPhases, openSteps, positionOf } from './steps.js';
import { finishUninstall, leaveBehind } from './uninstall.js';
import { isAsWanted, runsRecipe } from './wanted.js';

/** Steps that one decision starts; a larger plan goes on by `continue`. */
export const STEPS_PER_DECISION_MAX = 1024;

/**
 * Lets a service go on after something about these pods has changed: each pod does what comes next, steps that are done
 * complete, steps that may start do.
 */
export function pursue(proposal: Proposal, name: string, keys: readonly string[], refused?: ReadonlySet<string>): void {
  const service = proposal.state.services.get(name);
  if (service === undefined) return;
  settle(proposal, service, keys, refused);
  completeSteps(proposal, name, keys);
  advance(proposal, name);
  continueDrains(proposal, name);
  finishUninstall(proposal, name);
}

/** Starts what may start, until nothing more may or the decision is full. */
export function advance(proposal: Proposal, name: string): void {
  for (let left = STEPS_PER_DECISION_MAX; left > 0;) {
    const service = proposal.state.services.get(name);
    const plan = runningPlan(proposal, service);
    if (service === undefined || plan === undefined) return;
    const batch = nextBatch(proposal, service, plan, left);
    if (batch === undefined) return completePlan(proposal, service, plan);
    startSteps(proposal, service, plan, batch.phase, batch.indexes);
    left -= batch.indexes.length;
  }
}

export function runningPlan(proposal: Proposal, service: ServiceRow | undefined): PlanRow | undefined {
  if (service?.plan === undefined) return undefined;
  const plan = proposal.state.plans.get(planKey(service.name, service.plan));
  return plan?.status === 'running' ? plan : undefined;
}

/** Steps of these pods that have reached their end. */
export function completeSteps(proposal: Proposal, name: string, keys: readonly string[]): void {
  const service = proposal.state.services.get(name);
  const plan = runningPlan(proposal, service);
  if (service === undefined || plan === undefined) return;
  const byPhase = new Map<string, number[]>();
  for (const key of keys) {
    const row = podByKey(proposal.state, key);
    if (row?.step !== plan.run) continue;
    const phase = phaseOfStep(plan, row);
    if (phase === undefined || phase.done >= phase.total || !isDone(proposal, service, phase, row)) continue;
    byPhase.set(phase.name, [...(byPhase.get(phase.name) ?? []), row.index]);
  }
  for (const [phase, indexes] of byPhase) {
    proposal.emit({ type: 'StepCompleted', data: stepRef(service, plan, phase, indexes) });
  }
}

/** The phase that the started step on this pod belongs to. */
export function phaseOfStep(plan: PlanRow, row: PodRow): PhaseRow | undefined {
  const phases = plan.phases.filter((phase) => phase.pod === row.pod && positionOf(phase, row.index) !== undefined);
  return phases.find((phase) => phase.done < phase.total) ?? phases[0];
}

export function stepRef(service: ServiceRow, plan: PlanRow, phase: string, indexes: readonly number[]): StepRef {
  return { service: service.name, generation: service.generation, plan: plan.plan, phase, indexes: rangesOf(indexes) };
}

/** What may start now: of a serial phase one step, or as many as turn out to be done already. */
function nextBatch(
  proposal: Proposal,
  service: ServiceRow,
  plan: PlanRow,
  max: number,
): { phase: PhaseRow; indexes: number[] } | undefined {
  for (const phase of openPhases(plan)) {
    const open = openSteps(phase, max);
    if (open.length === 0) continue;
    if (!inTurn(phase.strategy)) return { phase, indexes: open };
    const upcoming = phase.held.length > 0 ? open : openSteps({ ...phase, strategy: 'parallel' }, max);
    const first = upcoming.findIndex((index) => !isDoneBefore(proposal, service, phase, index));
    return { phase, indexes: upcoming.slice(0, first === -1 ? upcoming.length : Math.max(1, first)) };
  }
  return undefined;
}

function startSteps(
  proposal: Proposal,
  service: ServiceRow,
  plan: PlanRow,
  phase: PhaseRow,
  indexes: readonly number[],
): void {
  proposal.emit({ type: 'StepStarted', data: stepRef(service, plan, phase.name, indexes) });
  const rows = indexes.flatMap((index) => podAt(proposal.state, service.name, phase.pod, index) ?? []);
  if (phase.action === 'decommission') {
    takeDown(proposal, service, rows);
    const absent = indexes.filter((index) => podAt(proposal.state, service.name, phase.pod, index) === undefined);
    if (absent.length > 0) {
      proposal.emit({ type: 'StepCompleted', data: stepRef(service, plan, phase.name, absent) });
    }
  } else {
    const changing = rows.filter((row) => {
      const living = row.status === 'live' && launchesOf(row).length > 0;
      return living && (phase.action === 'restart' || !runsRecipe(proposal.state, service, row));
    });
    orderKills(proposal, service, changing, phase.action === 'restart' ? 'restarted' : 'updated');
  }
  const keys = indexes.map((index) => podKey(service.name, phase.pod, index));
  settle(proposal, service, keys);
  completeSteps(proposal, service.name, keys);
}

/** Orders the end of pods that are not wanted any more; what can't be reached is left behind, and the plan goes on. */
function takeDown(proposal: Proposal, service: ServiceRow, rows: readonly PodRow[]): void {
  const reason = service.uninstalling ? 'uninstalled' : 'scaled-down';
  const living = rows.filter((row) => row.status === 'live' || row.status === 'waiting');
  orderKills(proposal, service, living, reason);
  const isLost = ({ seat }: PodRow) =>
    seat !== undefined && proposal.state.agents.get(seat.agent)?.state === 'UNREACHABLE';
  leaveBehind(
    proposal,
    service,
    rows.filter((row) => isLost(row) && launchesOf(row).length > 0),
  );
  const { name, generation } = service;
  for (const { pod, index } of rows.filter((row) => row.status === 'waiting')) {
    // Nothing to wait for: what it holds is let go of as soon as all launches are over.
    const held = podAt(proposal.state, name, pod, index)?.status === 'waiting';
    if (held)
      proposal.emit({ type: 'RecoveryEnded', data: { service: name, generation, pod, indexes: [[index, index]] } });
  }
}

function isDoneBefore(proposal: Proposal, service: ServiceRow, phase: PhaseRow, index: number): boolean {
  if (phase.action === 'restart') return false;
  const row = podAt(proposal.state, service.name, phase.pod, index);
  if (phase.action === 'decommission') return row === undefined;
  if (row === undefined) return false;
  const recipe = service.recipes[phase.pod];
  return recipe !== undefined && isAsWanted(proposal.state, service, row, recipe);
}

function isDone(proposal: Proposal, service: ServiceRow, phase: PhaseRow, row: PodRow): boolean {
  if (phase.action === 'decommission') return row.seat === undefined && row.request === undefined;
  return isAsWanted(proposal.state, service, row);
}

function completePlan(proposal: Proposal, service: ServiceRow, plan: PlanRow): void {
  if (plan.plan === 'uninstall' || plan.phases.some((phase) => phase.done < phase.total)) return;
  const { name, generation } = service;
  const event: ServicesEvent = {
    type: 'PlanCompleted',
    data: { service: name, generation, plan: plan.plan, run: plan.run },
  };
  proposal.emit(event);
}
