import { rangesOf, type Ranges, type ServicesEvent, type StepRef } from '@orrery/contracts';
import { podByKey } from './pods.js';
import type { Proposal } from './proposal.js';
import { planKey, type PhaseRow, type PlanRow, type PodRow, type ServiceRow } from './state.js';
import { isOpen, phaseOfStep } from './steps.js';
import { isAsWanted } from './wanted.js';

export function runningPlan(proposal: Proposal, service: ServiceRow): PlanRow | undefined {
  const plan = latestPlan(proposal, service);
  return plan?.status === 'running' ? plan : undefined;
}

function latestPlan({ state }: Proposal, { name, plan }: ServiceRow): PlanRow | undefined {
  return plan === undefined ? undefined : state.plans.get(planKey(name, plan));
}

/** Steps of these pods that have reached their end. */
export function completeSteps(proposal: Proposal, name: string, keys: readonly string[]): void {
  const service = proposal.state.services.get(name);
  const plan = service === undefined ? undefined : latestPlan(proposal, service);
  if (service === undefined || plan === undefined || !isOpen(plan)) return;
  const byPhase = new Map<string, number[]>();
  for (const key of keys) {
    const row = podByKey(proposal.state, key);
    if (row?.step !== plan.run) continue;
    const phase = phaseOfStep(plan, row.pod, row.index);
    if (phase === undefined || phase.done >= phase.total || !isDone(proposal, service, phase, row)) continue;
    const others = byPhase.get(phase.name);
    if (others === undefined) byPhase.set(phase.name, [row.index]);
    else others.push(row.index);
  }
  for (const [phase, indexes] of byPhase) {
    proposal.emit({ type: 'StepCompleted', data: stepRef(service, plan, phase, rangesOf(indexes)) });
  }
}

function isDone(proposal: Proposal, service: ServiceRow, phase: PhaseRow, row: PodRow): boolean {
  if (phase.action === 'decommission') return row.seat === undefined && row.request === undefined;
  return isAsWanted(proposal.state, service, row);
}

/** The end of a plan whose steps are all complete. */
export function completePlan(proposal: Proposal, service: ServiceRow, plan: PlanRow): void {
  if (plan.plan === 'uninstall' || plan.phases.some((phase) => phase.done < phase.total)) return;
  const { name, generation } = service;
  const event: ServicesEvent = {
    type: 'PlanCompleted',
    data: { service: name, generation, plan: plan.plan, run: plan.run },
  };
  proposal.emit(event);
}

export function stepRef(service: ServiceRow, plan: PlanRow, phase: string, indexes: Ranges): StepRef {
  return { service: service.name, generation: service.generation, plan: plan.plan, phase, indexes };
}
