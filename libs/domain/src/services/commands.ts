import { accept, reject, type Decision } from '@orrery/kernel';
import type { ServiceName, ServicesCommand, ServicesEvent, ServiceSpec } from '@orrery/contracts';
import { refusalOfChange } from './change-rules.js';
import { isSame } from './difference.js';
import { refusalOfDrained } from './draining.js';
import { refusalOfOrder, refusalOfUpdateOrder } from './order-rules.js';
import { planOfUninstall, planToward, type PlanDefinition } from './plan.js';
import { countsOf, podTypes, tallyOf } from './tallies.js';
import { pursue } from './progress.js';
import type { Proposal } from './proposal.js';
import { digestOf, recipeOf, specAt } from './recipe.js';
import { refusalOfSpec, withDefaults } from './spec.js';
import { isOpen } from './steps.js';
import { planKey, versionKey, type PlanRow, type ServiceRow, type ServicesRows } from './state.js';
import { targetSpec } from './wanted.js';

type Body<Type extends ServicesCommand['type']> = Extract<ServicesCommand, { type: Type }>['body'];
type Answer = Decision<ServicesEvent>;

export function applyService(proposal: Proposal, body: Body<'ApplyService'>, ifVersion?: string): Answer {
  const spec = withDefaults(body);
  return refusalOfSpec(spec) ?? applySpec(proposal, spec, ifVersion);
}

export function scaleService(proposal: Proposal, body: Body<'ScaleService'>, ifVersion?: string): Answer {
  const service = proposal.state.services.get(body.name);
  if (service === undefined) return unknownService(body.name);
  const spec = targetSpec(proposal.state, service);
  const pod = spec.pods[body.pod];
  if (pod === undefined || !Object.hasOwn(spec.pods, body.pod)) return unknownPod(body.name, body.pod, spec);
  const pods = { ...spec.pods, [body.pod]: { ...pod, count: body.count } };
  return applySpec(proposal, { ...spec, pods }, ifVersion);
}

/** An earlier version becomes the next one. */
export function rollBackService(proposal: Proposal, body: Body<'RollBackService'>, ifVersion?: string): Answer {
  if (!proposal.state.services.has(body.name)) return unknownService(body.name);
  const spec = specAt(proposal.state, body.name, body.version);
  if (spec !== undefined) return applySpec(proposal, spec, ifVersion);
  return reject('unknown-version', `${body.name} has no version ${body.version}, or it is not kept any more`, {
    field: '/version',
    remedy: `one of those that orrery service versions ${body.name} lists`,
  });
}

/**
 * A plan has failed whose spec says `on-failure: rollback`: the last version that was brought up whole is applied again. Where
 * that can not be, the plan stays in ERROR and says why.
 */
export function takeBack(proposal: Proposal, plan: PlanRow): void {
  const service = proposal.state.services.get(plan.service)!;
  const { name, generation, version, good } = service;
  const failed = `version ${version} failed: ${plan.reason}`;
  const spec = good === undefined ? undefined : specAt(proposal.state, name, good);
  const same = spec !== undefined && isSame(spec, targetSpec(proposal.state, service));
  if (spec !== undefined && !same && !service.uninstalling) {
    const answer = applySpec(proposal, spec, undefined, failed);
    if (answer.accepted) return;
    return staysFailed(`${plan.reason}; version ${good} can not be applied again: ${answer.refusal.message}`);
  }
  return staysFailed(`${plan.reason}; there is no version to go back to`);

  function staysFailed(reason: string): void {
    const phase = plan.stuck ?? plan.phases[0]!.name;
    const step = { service: name, generation, plan: plan.plan, phase, indexes: [] };
    const task = plan.failedTask === undefined ? {} : { task: plan.failedTask };
    proposal.emit({ type: 'StepFailed', data: { ...step, reason, ...task } });
  }
}

export function uninstallService(proposal: Proposal, body: Body<'UninstallService'>, ifVersion?: string): Answer {
  const service = proposal.state.services.get(body.name);
  if (service === undefined) return unknownService(body.name);
  if (service.uninstalling) return accept();
  const conflict = versionConflict(service, body.name, ifVersion);
  if (conflict !== undefined) return conflict;
  stopPlans(proposal, service, [service.plan, ...(service.asides ?? [])]);
  const { name, generation, version } = service;
  proposal.emit({ type: 'UninstallStarted', data: { service: name, generation } });
  const slotsOf = (pod: string) => tallyOf(proposal.state, name, pod).slots;
  const plan = planOfUninstall(targetSpec(proposal.state, service), podTypes(proposal.state, name), slotsOf);
  startPlan(proposal, { ...service, version }, plan);
  pursue(proposal, name, []);
  return accept(...proposal.events);
}

export function startPlan(proposal: Proposal, service: ServiceRow, definition: StartedPlan): void {
  const { name, generation, version } = service;
  const run = proposal.context.nextId();
  const { plan, deadlineMs, ...rest } = definition;
  const until = deadlineMs === undefined ? {} : { until: proposal.context.at + deadlineMs };
  proposal.emit({ type: 'PlanStarted', data: { service: name, generation, plan, run, version, ...rest, ...until } });
}

/** `reason`: it takes back what failed. */
type StartedPlan = PlanDefinition & { readonly reason?: string };

/** The plan under way, or in ERROR, that these stand for, by name. */
function stopPlans(proposal: Proposal, { name, generation }: ServiceRow, plans: readonly (string | undefined)[]): void {
  for (const plan of plans) {
    const row = plan === undefined ? undefined : proposal.state.plans.get(planKey(name, plan));
    if (row === undefined || !isOpen(row)) continue;
    proposal.emit({ type: 'PlanStopped', data: { service: name, generation, plan: row.plan, run: row.run } });
  }
}

/** Starts a plan from what is true now to the wanted version. */
export function startOver(
  proposal: Proposal,
  service: ServiceRow,
  before: ServiceSpec | undefined,
  settled: boolean,
  reason?: string,
): void {
  const { name } = service;
  const plan = planToward({
    before,
    after: targetSpec(proposal.state, service),
    past: versionsSince(proposal.state, service),
    types: podTypes(proposal.state, name),
    slotsOf: (pod) => tallyOf(proposal.state, name, pod).slots,
    podsOf: (pod) => countsOf(proposal.state, name, pod).pods,
    settled,
    deployed: service.deployed,
  });
  startPlan(proposal, service, reason === undefined ? plan : { ...plan, reason });
  pursue(proposal, name, []);
}

/** From the last that a plan brought about as a whole to the wanted one; where there was none, all that are kept. */
function versionsSince(rows: ServicesRows, { name, good = 0 }: ServiceRow): ServiceSpec[] {
  const specs: ServiceSpec[] = [];
  for (const [, row] of rows.versions.entries(versionKey(name, good))) {
    if (row.service !== name) break;
    specs.push(row.spec);
  }
  return specs;
}

export function unknownService(name: string): Decision<never> {
  return reject('unknown-service', `there is no service ${name}`, { field: '/name', remedy: 'orrery service list' });
}

export function unknownPod(service: string, pod: string, spec: ServiceSpec): Decision<never> {
  const known = Object.keys(spec.pods).join(', ');
  return reject('unknown-pod', `${service} has no pods ${pod}`, { field: '/pod', remedy: `pod types: ${known}` });
}

export function beingUninstalled(name: string): Decision<never> {
  return reject('being-uninstalled', `${name} is being uninstalled`, {
    field: '/name',
    remedy: `wait until it is gone, or cancel with orrery plan stop ${name} uninstall`,
  });
}

function applySpec(proposal: Proposal, spec: ServiceSpec, ifVersion?: string, reason?: string): Answer {
  const name = spec.name as ServiceName;
  const service = proposal.state.services.get(name);
  const conflict = versionConflict(service, name, ifVersion);
  if (conflict !== undefined) return conflict;
  if (service?.uninstalling === true) return beingUninstalled(name);
  const before = service === undefined ? undefined : targetSpec(proposal.state, service);
  if (before !== undefined) {
    if (isSame(before, spec)) return accept();
    const refusal =
      refusalOfChange(before, spec) ??
      refusalOfDrained(proposal.state, service!, before, spec) ??
      (service!.deployed ? refusalOfUpdateOrder(before, spec) : refusalOfOrder(spec));
    if (refusal !== undefined) return refusal;
  }
  if (service !== undefined) stopPlans(proposal, service, [service.plan]);
  const version = (service?.version ?? 0) + 1;
  proposal.emit({
    type: 'ServiceApplied',
    data: {
      service: name,
      generation: service?.generation ?? proposal.context.seq,
      version,
      specDigest: digestOf(spec),
      role: (spec.role ?? '*') as ServiceRow['role'],
      spec,
      recipes: recipesOf(proposal.state, service, spec, version),
    },
  });
  startOver(proposal, proposal.state.services.get(name)!, before, service?.settled ?? false, reason);
  return accept(...proposal.events);
}

/** Pod type → the earliest kept version with the same recipe: what went back and forth need not be launched again. */
function recipesOf(
  rows: ServicesRows,
  service: ServiceRow | undefined,
  spec: ServiceSpec,
  version: number,
): Record<string, number> {
  const kept: { version: number; spec: ServiceSpec }[] = [];
  if (service !== undefined) {
    for (const [, row] of rows.versions.entries(versionKey(service.name, 0))) {
      if (row.service !== service.name) break;
      kept.push({ version: row.version, spec: specAt(rows, service.name, row.version)! });
    }
  }
  const same = (pod: string) => kept.find((old) => recipeOf(old.spec, pod)?.digest === recipeOf(spec, pod)!.digest);
  return Object.fromEntries(Object.keys(spec.pods).map((pod) => [pod, same(pod)?.version ?? version]));
}

function versionConflict(
  service: ServiceRow | undefined,
  name: string,
  ifVersion: string | undefined,
): Decision<never> | undefined {
  const found = String(service?.version ?? 0);
  if (ifVersion === undefined || ifVersion === found) return undefined;
  const message = `expected version ${ifVersion} of ${name}, found ${service === undefined ? 'no such service' : found}`;
  return reject('version-conflict', message, { remedy: `look at version ${found} and send the change with it` });
}
