import { accept, reject, type Decision } from '@orrery/kernel';
import type { PhaseDefinition, ServicesCommand, ServicesEvent } from '@orrery/contracts';
import { beingUninstalled, startOver, startPlan, unknownService } from './commands.js';
import { endDraining } from './draining.js';
import { indexOfStep, phaseOf } from './evolve-plans.js';
import { orderKills } from './launch.js';
import { parametersOf } from './parameters.js';
import { planByName } from './plan.js';
import { podAt } from './pods.js';
import { runningPlan, stepRef } from './completion.js';
import { pursue } from './progress.js';
import type { Proposal } from './proposal.js';
import { launchesOf, planKey, podKey, type PhaseRow, type PlanRow, type ServiceRow } from './state.js';
import { resizedPods } from './resizing.js';
import { isAside, isBeingDrained, isCanary, isOpen, isPending, positionOf } from './steps.js';
import { leaveBehind } from './uninstall.js';
import { visitedBy } from './visits.js';
import { targetSpec } from './wanted.js';

type Body<Type extends ServicesCommand['type']> = Extract<ServicesCommand, { type: Type }>['body'];
type Answer = Decision<ServicesEvent>;

interface Target {
  readonly service: ServiceRow;
  readonly plan: PlanRow;
  readonly phase?: PhaseRow;
  /** Pod index of the step. */
  readonly index?: number;
}

export function pausePlan(proposal: Proposal, body: Body<'PausePlan'>): Answer {
  return withRunning(proposal, body, ({ service, plan, phase, index }) => {
    if (index === undefined) {
      if ((phase ?? plan).paused) return accept();
    } else if (phase!.held.includes(index)) return accept();
    else if (!isPending(phase!, index))
      return planState(`step ${body.step} has started`, 'a step can be paused before it starts');
    proposal.emit({ type: 'PlanPaused', data: { ...refOf(service), ...placeOf(body) } });
    return accept(...proposal.events);
  });
}

export function resumePlan(proposal: Proposal, body: Body<'ResumePlan'>): Answer {
  const { at } = proposal.context;
  return withRunning(proposal, body, ({ service, plan, phase, index }) => {
    if (plan.status === 'failed') {
      proposal.emit({ type: 'PlanResumed', data: { ...refOf(service), plan: plan.plan, at } });
      pursue(proposal, service.name, visitedBy(proposal.state, plan));
      return accept(...proposal.events);
    }
    const element = phase ?? plan;
    const held = index === undefined ? element.paused || element.released !== undefined : phase!.held.includes(index);
    if (!held) {
      const waiting = plan.phases.filter(
        ({ paused, released, strategy }) => paused || (isCanary(strategy) && released !== undefined),
      );
      const names = waiting.map(({ name }) => name).join(', ');
      return planState(
        'nothing waits there',
        names === '' ? 'nothing of this plan is paused' : `name one of its phases that wait: ${names}`,
      );
    }
    proposal.emit({ type: 'PlanResumed', data: { ...refOf(service), ...placeOf(body), at } });
    pursue(proposal, service.name, []);
    return accept(...proposal.events);
  });
}

/**
 * `deploy` and `update` bring what is there to the wanted version; a plan of the user's own restarts what it goes over, or
 * runs tasks beside it, and then may run while others do.
 */
export function startPlanByName(proposal: Proposal, body: Body<'StartPlan'>): Answer {
  const service = proposal.state.services.get(body.name);
  if (service === undefined) return unknownService(body.name);
  if (service.uninstalling) return beingUninstalled(body.name);
  const spec = targetSpec(proposal.state, service);
  const definition = planByName(spec, body.plan);
  if (body.plan === 'decommission') {
    const message = 'plan decommission says what is done before pods go: nobody starts it by itself';
    return planState(message, `orrery service scale ${body.name} POD COUNT`);
  }
  if (definition === undefined) return unknownPlan(proposal, service, body.plan);
  const parameters = parametersOf(body.plan, spec.plans?.[body.plan], body.parameters);
  if ('refusal' in parameters) return parameters.refusal;
  const before = proposal.state.plans.get(planKey(body.name, body.plan));
  if (before?.status === 'running') return isSameRun(before, parameters.values) ? accept() : alreadyRuns(before);
  const aside = isAside(definition);
  const running = aside ? undefined : runningPlan(proposal, service);
  if (running !== undefined) return alreadyRuns(running);
  if (aside && !service.deployed) {
    const message = `plan ${body.plan} runs beside pods of ${body.name}, which was not brought up yet`;
    return planState(message, `wait for its deployment: orrery plan show ${body.name} deploy`);
  }
  const given = Object.keys(parameters.values).length === 0 ? {} : { parameters: parameters.values };
  if (body.plan === 'deploy' || body.plan === 'update') startOver(proposal, service, spec, false);
  else {
    startPlan(proposal, service, { ...definition, ...given });
    pursue(proposal, service.name, []);
  }
  return accept(...proposal.events);
}

function isSameRun({ parameters = {} }: PlanRow, given: Readonly<Record<string, string>>): boolean {
  const names = Object.keys(given);
  return names.length === Object.keys(parameters).length && names.every((name) => parameters[name] === given[name]);
}

function alreadyRuns({ service, plan }: PlanRow): Decision<never> {
  return planState(`plan ${plan} is running`, `wait for it, or orrery plan stop ${service} ${plan}`);
}

/** What has started goes on by itself; nothing more of the plan starts. A stopped uninstall is cancelled. */
export function stopPlanByName(proposal: Proposal, body: Body<'StopPlan'>): Answer {
  return withRunning(proposal, body, ({ service, plan }) => {
    if (plan.plan === 'uninstall' && service.destroyed) {
      return planState('volumes are being destroyed already', 'let the uninstall end, then install the service anew');
    }
    const ref = refOf(service);
    const visited = visitedBy(proposal.state, plan);
    proposal.emit({ type: 'PlanStopped', data: { ...ref, plan: plan.plan, run: plan.run } });
    if (plan.plan === 'uninstall') {
      startOver(proposal, proposal.state.services.get(service.name)!, targetSpec(proposal.state, service), false);
    }
    pursue(proposal, service.name, [...visited, ...resizedPods(proposal.state, service.name)]);
    return accept(...proposal.events);
  });
}

export function forceCompletePlan(proposal: Proposal, body: Body<'ForceCompletePlan'>): Answer {
  return withRunning(proposal, body, (target) => {
    const { service, plan, phase, index } = target;
    if (plan.plan === 'uninstall')
      return planState(
        'an uninstall ends when nothing is held any more',
        'agent gone, for machines that will not return',
      );
    if (phase === undefined) {
      const ref = refOf(service);
      proposal.emit({ type: 'PlanCompleted', data: { ...ref, plan: plan.plan, run: plan.run, forced: true } });
      pursue(proposal, service.name, resizedPods(proposal.state, service.name));
      return accept(...proposal.events);
    }
    if (phase.done >= phase.total) return accept();
    if (index !== undefined) return forceStep(proposal, target, phase, index);
    proposal.emit({ type: 'PhaseCompleted', data: { ...refOf(service), plan: plan.plan, phase: phase.name } });
    pursue(proposal, service.name, []);
    return accept(...proposal.events);
  });
}

/** Goes over plan, phase or step again; pods that are as they should be are started anew, too. */
export function forceRestartPlan(proposal: Proposal, body: Body<'ForceRestartPlan'>): Answer {
  const found = findTarget(proposal, body);
  if ('accepted' in found) return found;
  const { service, plan, phase, index } = found;
  if (service.uninstalling) return beingUninstalled(service.name);
  const open = isOpen(plan);
  if (index !== undefined && open) return restartStep(proposal, found, phase!, index);
  if (!isAside(plan) && plan.plan !== service.plan) {
    return planState(`${plan.plan} is not the latest plan`, `orrery plan start ${service.name} ${plan.plan}`);
  }
  if (open) {
    proposal.emit({ type: 'PlanStopped', data: { ...refOf(service), plan: plan.plan, run: plan.run } });
  }
  const phases = plan.phases.map((known) =>
    definitionOf(known, phase === undefined || phase.name === known.name, index),
  );
  const { strategy, parameters, onFailure } = plan;
  startPlan(proposal, service, {
    ...{ plan: plan.plan, strategy, phases },
    ...(parameters === undefined ? {} : { parameters }),
    ...(onFailure === undefined ? {} : { onFailure }),
  });
  pursue(proposal, service.name, []);
  return accept(...proposal.events);
}

function definitionOf(
  { name, pod, strategy, action, indexes, steps, attemptsMax, deadlineMs, rolling, minimumUpMs, gang }: PhaseRow,
  restart: boolean,
  index?: number,
): PhaseDefinition {
  const again = restart && action === 'deploy' ? ('restart' as const) : action;
  const only = restart && index !== undefined ? [[index, index] as const] : indexes;
  return {
    ...{ name, pod, strategy, action: again, indexes: only },
    ...(steps === undefined ? {} : { steps }),
    ...(attemptsMax === undefined ? {} : { attemptsMax }),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(rolling === undefined ? {} : { rolling }),
    ...(minimumUpMs === undefined ? {} : { minimumUpMs }),
    ...(gang === undefined ? {} : { gang }),
  };
}

function forceStep(proposal: Proposal, { service, plan }: Target, phase: PhaseRow, index: number): Answer {
  const row = podAt(proposal.state, service.name, phase.pod, index);
  const pending = isPending(phase, index);
  const visited = row?.visits?.some((visit) => visit.run === plan.run && visit.phase === phase.name) === true;
  if (!pending && row?.step !== plan.run && !visited) return accept();
  if (phase.action === 'decommission') {
    if (pending) return planState('a pod that still runs can not count as taken down', 'let its step start first');
    if (visited) {
      // By an operator's word nothing is left to do before its end; that comes as for others.
      endDraining(proposal, service, plan, { phase, index, forced: true });
      pursue(proposal, service.name, [podKey(service.name, phase.pod, index)]);
      return accept(...proposal.events);
    }
    if (row?.seat !== undefined) leaveBehind(proposal, service, [row]);
  }
  proposal.emit({
    type: 'StepCompleted',
    data: { ...stepRef(service, plan, phase.name, [[index, index]]), forced: true },
  });
  pursue(proposal, service.name, visited ? [podKey(service.name, phase.pod, index)] : []);
  return accept(...proposal.events);
}

function restartStep(proposal: Proposal, { service, plan }: Target, phase: PhaseRow, index: number): Answer {
  const row = podAt(proposal.state, service.name, phase.pod, index);
  if (phase.action === 'decommission' && (row === undefined || !isBeingDrained(row, plan, phase)))
    return planState('a pod is taken down once', 'scale the pod type up again');
  if (isPending(phase, index) || row === undefined) return accept();
  const { at } = proposal.context;
  proposal.emit({ type: 'StepRestarted', data: { ...stepRef(service, plan, phase.name, [[index, index]]), at } });
  if (phase.action !== 'run' && phase.action !== 'decommission' && row.status === 'live' && launchesOf(row).length > 0)
    orderKills(proposal, service, [row], 'restarted');
  pursue(proposal, service.name, [podKey(service.name, phase.pod, index)]);
  return accept(...proposal.events);
}

function withRunning(
  proposal: Proposal,
  body: { readonly name: string; readonly plan: string; readonly phase?: string; readonly step?: string },
  act: (target: Target) => Answer,
): Answer {
  const found = findTarget(proposal, body);
  if ('accepted' in found) return found;
  if (isOpen(found.plan)) return act(found);
  return planState(
    `plan ${body.plan} of ${body.name} is ${found.plan.status}`,
    `orrery plan start ${body.name} ${body.plan}`,
  );
}

function findTarget(
  proposal: Proposal,
  body: { readonly name: string; readonly plan: string; readonly phase?: string; readonly step?: string },
): Target | Decision<never> {
  const service = proposal.state.services.get(body.name);
  if (service === undefined) return unknownService(body.name);
  const plan = proposal.state.plans.get(planKey(body.name, body.plan));
  if (plan === undefined) return unknownPlan(proposal, service, body.plan);
  if (body.phase === undefined) {
    if (body.step === undefined) return { service, plan };
    return reject('invalid-field', 'a step is named with its phase', { field: '/phase', remedy: 'add the phase' });
  }
  const phase = phaseOf(plan, body.phase);
  if (phase === undefined) {
    const known = plan.phases.map(({ name }) => name).join(', ');
    return reject('unknown-plan', `plan ${body.plan} has no phase ${body.phase}`, {
      field: '/phase',
      remedy: `phases: ${known}`,
    });
  }
  if (body.step === undefined) return { service, plan, phase };
  const index = indexOfStep(body.step);
  if (body.step === `${phase.pod}-${index}` && positionOf(phase, index) !== undefined)
    return { service, plan, phase, index };
  const remedy = `steps of this phase are named ${phase.pod}-<index>: orrery plan show ${body.name} ${body.plan}`;
  return reject('unknown-plan', `phase ${body.phase} has no step ${body.step}`, { field: '/step', remedy });
}

function unknownPlan(proposal: Proposal, service: ServiceRow, plan: string): Decision<never> {
  const own = Object.keys(targetSpec(proposal.state, service).plans ?? {});
  const known = [...new Set(['deploy', 'update', ...own])].join(', ');
  return reject('unknown-plan', `${service.name} has no plan ${plan}`, { field: '/plan', remedy: `plans: ${known}` });
}

function planState(message: string, remedy: string): Decision<never> {
  return reject('plan-state', message, { field: '/plan', remedy });
}

function refOf({ name, generation }: ServiceRow) {
  return { service: name, generation };
}

function placeOf({ plan, phase, step }: { plan: string; phase?: string; step?: string }) {
  return { plan, ...(phase === undefined ? {} : { phase }), ...(step === undefined ? {} : { step }) };
}
