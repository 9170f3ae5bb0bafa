import { unreachable } from '@orrery/kernel';
import type { ServicesEvent, ServicesEventOf } from '@orrery/contracts';
import * as plans from './evolve-plans.js';
import * as pods from './evolve-pods.js';
import { agentKey, ownerKey, versionKey, type ServiceRow, type ServicesRows } from './state.js';

/** Versions of a service that can be rolled back to; older ones go, unless a pod type still runs one. */
export const VERSIONS_KEPT_MAX = 100;

/** Believes the journal: every fact changes the rows it is about, and nothing is checked again. */
export function evolve(rows: ServicesRows, event: ServicesEvent): void {
  switch (event.type) {
    case 'ServiceApplied':
      return serviceApplied(rows, event.data);
    case 'UninstallStarted':
      return uninstallStarted(rows, event.data);
    case 'ServiceRemoved':
      return serviceRemoved(rows, event.data);
    case 'PlanStarted':
      return plans.planStarted(rows, event.data);
    case 'StepStarted':
      return plans.stepStarted(rows, event.data);
    case 'StepCompleted':
      return plans.stepCompleted(rows, event.data);
    case 'StepFailed':
      return plans.stepFailed(rows, event.data);
    case 'StepRestarted':
      return plans.stepRestarted(rows, event.data);
    case 'PhaseHeldBack':
      return plans.phaseHeldBack(rows, event.data);
    case 'PodsDrained':
      return plans.podsDrained(rows, event.data);
    case 'PlanPaused':
      return plans.planPaused(rows, event.data);
    case 'PlanResumed':
      return plans.planResumed(rows, event.data);
    case 'PlanStopped':
      return plans.planStopped(rows, event.data);
    case 'PhaseCompleted':
      return plans.phaseCompleted(rows, event.data);
    case 'PlanCompleted':
      return plans.planCompleted(rows, event.data);
    default:
      return evolvePods(rows, event);
  }
}

type OfPods = ServicesEventOf<
  | 'PlacementRequested'
  | 'PlacementWithdrawn'
  | 'GrantsTaken'
  | 'SizeGranted'
  | 'LaunchOrdered'
  | 'KillOrdered'
  | 'GrantReturned'
  | 'ReleaseNoted'
  | 'TasksObserved'
  | 'ProbationPassed'
  | 'RetryScheduled'
  | 'ReplaceStarted'
  | 'LeftBehind'
  | 'RecoveryWaiting'
  | 'RecoveryEnded'
  | 'PodPaused'
  | 'PodResumed'
  | 'AgentNamed'
  | 'AgentNoted'
>;

function evolvePods(rows: ServicesRows, event: OfPods): void {
  switch (event.type) {
    case 'PlacementRequested':
      return pods.placementRequested(rows, event.data);
    case 'PlacementWithdrawn':
      return pods.placementWithdrawn(rows, event.data);
    case 'GrantsTaken':
      return pods.grantsTaken(rows, event.data);
    case 'SizeGranted':
      return pods.sizeGranted(rows, event.data);
    case 'LaunchOrdered':
      return pods.launchOrdered(rows, event.data);
    case 'KillOrdered':
      return pods.killOrdered(rows, event.data);
    case 'GrantReturned':
      return pods.grantReturned(rows, event.data);
    case 'ReleaseNoted':
      return pods.releaseNoted(rows, event.data);
    case 'TasksObserved':
      return pods.tasksObserved(rows, event.data);
    case 'ProbationPassed':
      return pods.probationPassed(rows, event.data);
    case 'RetryScheduled':
      return pods.retryScheduled(rows, event.data);
    case 'ReplaceStarted':
      return pods.replaceStarted(rows, event.data);
    case 'LeftBehind':
      return pods.leftBehind(rows, event.data);
    case 'RecoveryWaiting':
      return pods.recoveryWaiting(rows, event.data);
    case 'RecoveryEnded':
      return pods.recoveryEnded(rows, event.data);
    case 'PodPaused':
      return pods.podPaused(rows, event.data);
    case 'PodResumed':
      return pods.podResumed(rows, event.data);
    case 'AgentNamed':
      return rows.names.put(agentKey(event.data.number), event.data);
    case 'AgentNoted':
      return pods.agentNoted(rows, event.data);
    default:
      return unreachable(event);
  }
}

function serviceApplied(rows: ServicesRows, data: ServicesEventOf<'ServiceApplied'>['data']): void {
  const { service: name, generation, version, role, specDigest, spec, recipes } = data;
  const before = rows.services.get(name);
  const known: Partial<ServiceRow> & Pick<ServiceRow, 'deployed' | 'uninstalling' | 'destroyed'> =
    before?.generation === generation ? before : { deployed: false, uninstalling: false, destroyed: false };
  rows.services.put(name, { ...known, name, generation, version, role, specDigest, recipes, settled: false });
  rows.versions.put(versionKey(name, version), { service: name, version, specDigest, spec });
  const good = known.good === undefined ? [] : [known.good];
  forgetOldVersions(rows, name, version, [...Object.values(recipes), ...good]);
}

function forgetOldVersions(rows: ServicesRows, service: string, newest: number, inUse: readonly number[]): void {
  const old: number[] = [];
  for (const [, row] of rows.versions.entries(versionKey(service, 0))) {
    if (row.service !== service || row.version > newest - VERSIONS_KEPT_MAX) break;
    if (!inUse.includes(row.version)) old.push(row.version);
  }
  for (const version of old) rows.versions.delete(versionKey(service, version));
}

function uninstallStarted(rows: ServicesRows, { service: name }: ServicesEventOf<'UninstallStarted'>['data']): void {
  const service = rows.services.get(name);
  if (service !== undefined) rows.services.put(name, { ...service, uninstalling: true });
}

function serviceRemoved(
  rows: ServicesRows,
  { service: name, generation }: ServicesEventOf<'ServiceRemoved'>['data'],
): void {
  if (rows.services.get(name)?.generation !== generation) return;
  rows.services.delete(name);
  for (const table of [rows.versions, rows.plans, rows.pods, rows.runs, rows.tallies]) deleteBelow(table, `${name}/`);
  for (const [grant, row] of [...rows.leaving.by('owner', ownerKey(name, generation))]) {
    if (row.returned) rows.leaving.delete(grant);
  }
}

function deleteBelow(
  table: Pick<ServicesRows['tallies'], 'delete'> & { entries(from?: string): Iterable<[string, object]> },
  prefix: string,
): void {
  const keys: string[] = [];
  for (const [key] of table.entries(prefix)) {
    if (!key.startsWith(prefix)) break;
    keys.push(key);
  }
  for (const key of keys) table.delete(key);
}
