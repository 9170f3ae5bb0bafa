import { idOf, idRunsOf, membersIn, type AllocationEventOf, type GrantId } from '@orrery/contracts';
import { withdrawWishes } from './placement.js';
import { keyOfPod, podAt, rowsOf } from './pods.js';
import type { Proposal } from './proposal.js';
import { recipeAt, recipeFor } from './recipe.js';
import { roomFor } from './rolling.js';
import { planKey, type PodRow, type ServiceRow, type ServicesRows } from './state.js';
import { isOpen, phaseOfStep } from './steps.js';
import { podTypes } from './tallies.js';
import { fitsSeat, isWanted, versionHeld } from './wanted.js';

/**
 * A pod with data that is to hold something else stays where it is: what it lacks there is asked for while it runs on, so
 * that nothing is taken from it for a size that finds no room. When it is granted, the pod is ended in its turn, its old grant
 * goes back, and it is launched on the new one.
 */
export type ResizeMove = 'none' | 'ask' | 'drop' | 'ask-anew' | 'end' | 'take';

/** What is next for the size of a pod that is wanted and sits on a machine that is up. `over`: no launch of it is left. */
export function resizeMove(rows: ServicesRows, service: ServiceRow, row: PodRow, over: boolean): ResizeMove {
  const { resizing } = row;
  if (!isToBeResized(rows, service, row)) return resizing === undefined ? 'none' : 'drop';
  if (resizing === undefined) return 'ask';
  const asked = recipeAt(rows, row.service, resizing.asked, row.pod);
  if (asked?.needsDigest !== recipeFor(rows, service, row)?.needsDigest) return 'ask-anew';
  if (resizing.grant === undefined) return 'none';
  if (over) return 'take';
  return mayEnd(rows, service, row) ? 'end' : 'none';
}

/** A step is to give it what its seat does not hold, and it can't leave that for another. */
export function isToBeResized(rows: ServicesRows, service: ServiceRow, row: PodRow): boolean {
  if (row.seat === undefined || row.seat.volumes.length === 0 || row.step === undefined) return false;
  // Who was ended for the size that it has goes on to it, even if nobody waits for that any more.
  const goesOn = row.status === 'stopping' && row.resizing?.grant !== undefined;
  const plan = service.plan === undefined ? undefined : rows.plans.get(planKey(service.name, service.plan));
  if (!goesOn && (plan === undefined || !isOpen(plan))) return false;
  return !fitsSeat(rows, service, row) && isWanted(rows, service, row);
}

/** What is launched on a seat that does not hold what is wanted: what it was made for. */
export function recipeOfSeat(rows: ServicesRows, service: ServiceRow, row: PodRow): number {
  return fitsSeat(rows, service, row) ? row.recipe : versionHeld(row);
}

/** Its turn may be over when its size comes, or others may be down by then. */
function mayEnd(rows: ServicesRows, service: ServiceRow, row: PodRow): boolean {
  const plan = service.plan === undefined ? undefined : rows.plans.get(planKey(service.name, service.plan));
  if (plan === undefined || row.step !== plan.run || !isOpen(plan) || row.status !== 'live') return false;
  const rolling = phaseOfStep(plan, row.pod, row.index)?.rolling;
  return rolling === undefined || roomFor(rows, service, row.pod, rolling) > 0;
}

/** Pods that have a new size and wait for their turn to take it. */
export function waitingToResize(rows: ServicesRows, service: string): string[] {
  return Array.from(rows.pods.by('sized', service), ([key]) => key);
}

/** Pods that have asked for another size, or have it. */
export function resizedPods(rows: ServicesRows, service: string): string[] {
  return podTypes(rows, service).flatMap((pod) =>
    [...rowsOf(rows, service, pod)].filter(({ resizing }) => resizing !== undefined).map(keyOfPod),
  );
}

/** Room was found for a pod to be what is wanted of it, or for one that does not want it any more. */
export function sizeGranted(proposal: Proposal, data: AllocationEventOf<'Placed'>['data']): string | undefined {
  const { state } = proposal;
  const { resizes, service: name, generation, pod } = data;
  const [member] = membersIn(data);
  const [[seq, first]] = data.grants as [[number, number]];
  const grant = idOf<GrantId>(seq, first);
  const service = state.services.get(name);
  const row = podAt(state, name, pod, member!.index);
  if (
    service?.generation !== generation ||
    row?.resizing?.request !== data.request ||
    row.seat?.grant !== resizes!.grant
  ) {
    proposal.emit({ type: 'GrantReturned', data: { service: name, generation, grants: idRunsOf([grant]) } });
    return undefined;
  }
  const ports = { ...resizes!.ports, ...member!.ports };
  const gpuIds = [...resizes!.gpuIds, ...member!.gpuIds].sort();
  const { index } = member!;
  proposal.emit({ type: 'SizeGranted', data: { service: name, generation, pod, index, grant, ports, gpuIds } });
  return keyOfPod(row);
}

/** Gives up what was asked for, or granted, beside the seats of these pods. */
export function dropSizes(proposal: Proposal, service: ServiceRow, rows: readonly PodRow[]): void {
  const { name, generation } = service;
  const resized = rows.flatMap(({ pod, index }) => podAt(proposal.state, name, pod, index) ?? []);
  const asking = resized.filter(({ resizing }) => resizing?.request !== undefined);
  const grants = resized.flatMap(({ resizing }) => resizing?.grant ?? []);
  withdrawWishes(proposal, service, asking, ({ resizing }) => resizing!.request!);
  if (grants.length === 0) return;
  proposal.emit({ type: 'GrantReturned', data: { service: name, generation, grants: idRunsOf(grants) } });
}
