import { reject, type Decision } from '@orrery/kernel';
import { podName, rangesOf, type Ranges, type ServiceSpec } from '@orrery/contracts';
import { stepRef } from './completion.js';
import { podAt, rowsOf } from './pods.js';
import type { Proposal } from './proposal.js';
import { without } from './run-steps.js';
import type { PhaseRow, PlanRow, PodRow, ServiceRow, ServicesRows } from './state.js';
import { isBeingDrained } from './steps.js';
import { takeDown } from './take-down.js';
import { drainingOf } from './wanted.js';

/** Begins decommission steps: pods with nothing to do before their end are taken down. Gives the others. */
export function beginDraining(
  proposal: Proposal,
  service: ServiceRow,
  plan: PlanRow,
  phase: PhaseRow,
  indexes: Ranges,
): PodRow[] {
  const draining: PodRow[] = [];
  if (phase.steps !== undefined) {
    for (const row of rowsOf(proposal.state, service.name, phase.pod)) {
      if (isBeingDrained(row, plan, phase)) draining.push(row);
    }
  }
  const rest = without(indexes, rangesOf(draining.map(({ index }) => index)));
  if (rest.length > 0) takeDown(proposal, service, plan, phase, rest);
  return draining;
}

/** The steps before its end are done, or nobody waits for them: the pod is taken down. */
export function endDraining(
  proposal: Proposal,
  service: ServiceRow,
  plan: PlanRow,
  { phase, index, forced }: { readonly phase: PhaseRow; readonly index: number; readonly forced?: true },
): void {
  const step = stepRef(service, plan, phase.name, [[index, index]]);
  proposal.emit({
    type: 'PodsDrained',
    data: { ...step, at: proposal.context.at, ...(forced === true ? { forced } : {}) },
  });
  takeDown(proposal, service, plan, phase, [[index, index]]);
}

/** A pod whose draining runs can't be wanted again: nobody could say afterwards whether it is still part of the whole. */
export function refusalOfDrained(
  rows: ServicesRows,
  service: ServiceRow,
  before: ServiceSpec,
  after: ServiceSpec,
): Decision<never> | undefined {
  for (const [pod, { count }] of Object.entries(after.pods)) {
    const had = before.pods[pod]?.count ?? 0;
    const draining = drainingOf(before, pod)?.steps?.flatMap(([, tasks]) => tasks) ?? [];
    for (let index = had; index < (count ?? 0); index += 1) {
      const row = podAt(rows, service.name, pod, index);
      if (row === undefined) break;
      if (!draining.some((task) => isRunning(row.tasks[task]?.status))) continue;
      const name = podName(pod, index);
      return reject('pod-being-drained', `${name} is being drained: it can not be wanted again before it is gone`, {
        field: `/pods/${pod}/count`,
        remedy: `wait until it is gone, or until its step has failed: orrery plan show ${service.name} ${service.plan}`,
      });
    }
  }
  return undefined;
}

function isRunning(status: string | undefined): boolean {
  return status === 'ordered' || status === 'running';
}
