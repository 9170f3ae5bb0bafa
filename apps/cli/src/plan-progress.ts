import type { Phase, Plan } from './answers.js';
import { path, type Call } from './call.js';
import { CliError } from './cli-error.js';
import type { Outcome } from './gateway-client.js';
import { whyNotReady } from './not-ready.js';
import { waitUntil } from './waiting.js';

/** Enough to see whether anything is stuck; the counts are told anyway. */
const STEPS_LOOKED_AT = 100;

/** Waits for the plans that a command started; prints each step of the way on stderr. */
export async function waitForPlans(call: Call, outcome: Outcome): Promise<void> {
  if (call.options.detach === true) return;
  for (const { service, plan } of outcome.plans ?? []) {
    const why = () => whyNotReady(call, service);
    await waitUntil(call, { service, waitsFor: `plan ${plan} of ${service}`, why }, async () => {
      const shown = await call.gateway.get<Plan>(path`/v1/services/${service}/plans/${plan}`, {
        steps: STEPS_LOOKED_AT,
      });
      if (shown.status === 'ERROR') throw inError(service, shown);
      if (shown.status === 'COMPLETE' && shown.message !== undefined) throw notWhole(service, shown);
      return { done: shown.status === 'COMPLETE', progress: planProgress(shown) };
    });
  }
}

/** It came to its end, but not to the one that was ordered: taken back, or without something that failed. */
function notWhole(service: string, { name, message }: Plan): CliError {
  return new CliError('plan-failed', `plan ${name} of ${service} is complete, but: ${message}`, {
    remedy: `orrery service versions ${service} shows what runs now, orrery service diff what is different`,
  });
}

function inError(service: string, plan: Plan): CliError {
  const { name, message = 'a step failed' } = plan;
  const logs = logsHint(plan).map((hint) => `${hint}; `);
  return new CliError('plan-failed', `plan ${name} of ${service} is in ERROR: ${message}`, {
    remedy: `${logs.join('')}orrery plan resume ${service} ${name} tries again what failed; force-restart begins anew, stop gives up`,
  });
}

/** Why a plan is in ERROR, and where more can be read. */
export function planTrouble(plan: Pick<Plan, 'message' | 'failedTask'>): string[] {
  return plan.message === undefined ? [] : [plan.message, ...logsHint(plan)];
}

function logsHint({ failedTask }: Pick<Plan, 'failedTask'>): string[] {
  return failedTask === undefined ? [] : [`orrery task logs ${failedTask} tells more`];
}

/** `deploy IN_PROGRESS: web 3 of 30 steps, 2 WAITING` */
export function planProgress(plan: Plan): string {
  const phases = (plan.phases ?? []).map(phaseProgress);
  return [`plan ${plan.name} ${plan.status}`, ...(phases.length === 0 ? [] : [phases.join('; ')])].join(': ');
}

function phaseProgress(phase: Phase): string {
  const stuck = ['ERROR', 'DELAYED', 'WAITING'].map((status) => {
    const steps = (phase.steps ?? []).filter((step) => step.status === status).length;
    return steps === 0 ? '' : `, ${steps} ${status}`;
  });
  const waits = phase.message === undefined ? '' : ` (${phase.message})`;
  return `${phase.name} ${phase.complete} of ${phase.total} steps${stuck.join('')}${waits}`;
}
