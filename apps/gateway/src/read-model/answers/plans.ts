import { planView, planViews, podView, versionsRunning, type PlanView, type StepView } from '@orrery/domain';
import { Problem } from '../../problem.js';
import { pageOfEntries, type Keyed, type ListAnswer } from '../paging.js';
import type { Answer, Page } from '../query.js';
import type { Cell, World } from '../world.js';
import { messageOf } from './pods.js';
import { cellOf } from './services.js';

/** Of each phase in a list of plans; one plan alone is shown whole. */
const STEPS_LISTED = 100;

export function listPlans(world: World, name: string, page: Page): ListAnswer {
  const cell = cellOf(world, name);
  const plans = planViews(cell.services, name, STEPS_LISTED).map((plan): Keyed<typeof plan> => [plan.name, plan]);
  plans.sort(([left], [right]) => (left < right ? -1 : 1));
  return pageOfEntries(plans, page, (plan) => planJson(cell, name, plan));
}

/** `steps`: at most so many of each phase. */
export function showPlan(world: World, name: string, plan: string, steps: number): Answer {
  const cell = cellOf(world, name);
  const value = planView(cell.services, name, plan, steps);
  if (value !== undefined) {
    return { value: { ...planJson(cell, name, value), running: versionsRunning(cell.services, name) } };
  }
  const known = planViews(cell.services, name, 0).map((view) => view.name);
  throw Problem.of('unknown-plan', `${name} has no plan ${plan} that has run`, {
    remedy: `plans: ${known.join(', ')}`,
  });
}

/** With what the cluster knows: how the last try of a step ended that waits for the next. */
function planJson(cell: Cell, service: string, plan: PlanView): PlanView {
  const stepJson = (step: StepView): StepView => {
    const pod = step.status === 'DELAYED' ? podView(cell.services, service, step.name) : undefined;
    // A step that runs tasks beside its pod waits for something else than the pod.
    if (pod?.message === undefined || pod.message !== step.message) return step;
    return { ...step, message: messageOf(cell, service, pod)! };
  };
  return { ...plan, phases: plan.phases.map((phase) => ({ ...phase, steps: phase.steps.map(stepJson) })) };
}
