import { planKey, type PlanRow, type ServicesRows } from './state.js';
import { stepsUnderWay } from './steps.js';

/** Keeps a plan whose steps have come further: one that waits in ERROR for steps that are complete after all goes on. */
export function putPlan(rows: ServicesRows, plan: PlanRow): void {
  const stuck = plan.status === 'failed' ? plan.phases.find(({ name }) => name === plan.stuck) : undefined;
  const over = stuck !== undefined && plan.rollsBack !== true && stepsUnderWay(stuck) === 0;
  rows.plans.put(planKey(plan.service, plan.plan), over ? underWay(plan) : plan);
}

/** Not in ERROR any more. */
export function underWay(plan: PlanRow): PlanRow {
  const { reason: _, failedTask: __, stuck: ___, rollsBack: ____, ...rest } = plan;
  return { ...rest, status: 'running' };
}
