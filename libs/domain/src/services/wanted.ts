import type { PhaseSpec, ServiceSpec } from '@orrery/contracts';
import { assert } from '@orrery/kernel';
import { isUp } from './tallies.js';
import { recipeAt, recipeFor, specAt } from './recipe.js';
import { launchesOf, type PodRow, type ServiceRow, type ServicesRows } from './state.js';

/** The spec of the version that a service is to be at. */
export function targetSpec(rows: ServicesRows, service: ServiceRow): ServiceSpec {
  const spec = specAt(rows, service.name, service.version);
  assert(spec !== undefined, 'the wanted version of a service is not kept', { service: service.name });
  return spec;
}

export function wantedCount(rows: ServicesRows, service: ServiceRow, pod: string): number {
  if (service.uninstalling) return 0;
  return (targetSpec(rows, service).pods[pod]?.count ?? 0) + (service.surges?.[pod] ?? 0);
}

export function isWanted(rows: ServicesRows, service: ServiceRow, row: PodRow): boolean {
  if (row.drained === true) return false;
  return row.index < wantedCount(rows, service, row.pod) || isToBeDrained(rows, service, row);
}

/** It is one too many, and kept alive until its steps of `decommission` have done what they do. */
export function isToBeDrained(rows: ServicesRows, service: ServiceRow, row: PodRow): boolean {
  if (service.uninstalling || row.launched === undefined) return false;
  return drainingOf(targetSpec(rows, service), row.pod) !== undefined;
}

/** The phase of `decommission` that says what is done before pods of this type go. */
export function drainingOf({ plans }: ServiceSpec, pod: string): PhaseSpec | undefined {
  return Object.values(plans?.['decommission']?.phases ?? {}).find((phase) => phase.pod === pod);
}

/** Whether the last launches of a pod are what its recipe asks for. */
export function runsRecipe(rows: ServicesRows, service: ServiceRow, row: PodRow, recipe = row.recipe): boolean {
  if (row.launched === undefined) return false;
  if (row.launched === recipe) return true;
  const ran = recipeAt(rows, row.service, row.launched, row.pod);
  const wanted = recipeFor(rows, service, { ...row, recipe });
  return ran !== undefined && ran.runDigest === wanted?.runDigest;
}

/** Whether nothing is left to do for a pod: it is up, with what its recipe asks for. */
export function isAsWanted(rows: ServicesRows, service: ServiceRow, row: PodRow, recipe = row.recipe): boolean {
  if (!isUp(row)) return false;
  return runsRecipe(rows, service, row, recipe) || (row.status === 'finished' && ranOnce(rows, service, row, recipe));
}

/** What runs once in the life of a pod is not run again by a change. */
function ranOnce(rows: ServicesRows, service: ServiceRow, row: PodRow, recipe: number): boolean {
  const tasks = recipeFor(rows, service, { ...row, recipe })?.tasks ?? [];
  return tasks.every(({ name, goal }) => goal === 'ONCE' && row.tasks[name]?.status === 'finished');
}

/** The version whose needs a pod holds, or has asked for. */
export function versionHeld(row: PodRow): number {
  return row.sized ?? row.launched ?? row.asked ?? row.recipe;
}

/** Whether what a pod holds is what its recipe needs. */
export function fitsSeat(rows: ServicesRows, service: ServiceRow, row: PodRow): boolean {
  const held = versionHeld(row);
  if (held === row.recipe) return true;
  const ran = recipeAt(rows, row.service, held, row.pod);
  return ran !== undefined && ran.needsDigest === recipeFor(rows, service, row)?.needsDigest;
}

export function replacementPolicy(spec: ServiceSpec): NonNullable<ServiceSpec['replacement-failure-policy']> {
  return spec['replacement-failure-policy'] ?? {};
}

/** Whether a machine may hold data of this pod that exists nowhere else, or a process that is about to write some. */
export function holdsData(row: PodRow): boolean {
  if (row.seat === undefined || row.seat.volumes.length === 0) return false;
  return row.seat.used || launchesOf(row).length > 0;
}

/** The spec says after which time data on a lost machine may be given up: then a drain may move it, too. */
export function mayLeaveData(rows: ServicesRows, service: ServiceRow): boolean {
  return replacementPolicy(targetSpec(rows, service))['permanent-failure-timeout-secs'] !== undefined;
}
