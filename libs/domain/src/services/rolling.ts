import { reject, type Decision } from '@orrery/kernel';
import type { PodSpec, Rolling, ServiceSpec } from '@orrery/contracts';
import { podAt, rowsOf } from './pods.js';
import type { Proposal } from './proposal.js';
import { membersOf, runsOf } from './run-rows.js';
import type { PhaseRow, PodRow, ServiceRow, ServicesRows } from './state.js';
import { inTurn, isPending, openSteps, windowOf } from './steps.js';
import { countsOf, isUp } from './tallies.js';
import { drainingOf, isAsWanted, targetSpec } from './wanted.js';

/**
 * How many pods of a type a service can do without, and how many may stand in for those that change; nothing where its spec
 * does not say. Parts are of the count: of what may be away rounded down, of what stands in rounded up, as Kubernetes has it.
 */
export function rollingOf(spec: ServiceSpec, pod: string): Rolling | undefined {
  const { update, count = 0 } = spec.pods[pod] ?? {};
  if (update === undefined) return undefined;
  const surge = partOf(update['max-surge'] ?? 0, count, Math.ceil);
  const unavailable = partOf(update['max-unavailable'] ?? 0, count, Math.floor);
  return { unavailableMax: surge === 0 ? Math.max(1, unavailable) : unavailable, surge };
}

function partOf(amount: number | string, count: number, round: (part: number) => number): number {
  return typeof amount === 'number' ? amount : round((count * Number(amount.slice(0, -1))) / 100);
}

/** How many more pods of a type may go away now; less than one: as many as too few are up. */
export function roomFor(rows: ServicesRows, service: ServiceRow, pod: string, { unavailableMax }: Rolling): number {
  return countsOf(rows, service.name, pod).up - floorOf(rows, service, pod, unavailableMax);
}

function floorOf(rows: ServicesRows, service: ServiceRow, pod: string, unavailableMax: number): number {
  return (targetSpec(rows, service).pods[pod]?.count ?? 0) - unavailableMax;
}

/**
 * Steps of a phase that may start, at most `max` of them, so that enough pods stay up. A step on a pod that is down anyway takes
 * nothing from the service: such pods are not kept waiting by those before them.
 */
export function rollingSteps(proposal: Proposal, service: ServiceRow, phase: PhaseRow, max: number): number[] {
  const { state } = proposal;
  const { rolling: _, ...all } = phase;
  const candidates = openSteps({ ...all, strategy: inTurn(phase.strategy) ? 'parallel' : phase.strategy }, max);
  let window = windowOf(phase);
  let room = roomFor(state, service, phase.pod, phase.rolling!);
  const steps: number[] = [];
  for (const index of candidates) {
    const row = podAt(state, service.name, phase.pod, index);
    const done = phase.action === 'deploy' && row !== undefined && isAsPlanned(state, service, row);
    if (!done) {
      if (window <= 0) return steps;
      const up = row !== undefined && isUp(row);
      if (up && room <= 0) return [...steps, ...stepsAhead(proposal, service, phase, window, steps)];
      if (up) room -= 1;
      window -= 1;
    }
    steps.push(index);
  }
  return steps;
}

function stepsAhead(
  { state }: Proposal,
  service: ServiceRow,
  phase: PhaseRow,
  max: number,
  taken: readonly number[],
): number[] {
  const ahead: number[] = [];
  for (const { index } of pendingDown(state, service.name, phase)) {
    if (ahead.length >= max) break;
    if (!taken.includes(index)) ahead.push(index);
  }
  return ahead;
}

/** The next pod of a phase that is away already: one that an earlier plan has ended, or that failed by itself. */
export function nextAway(rows: ServicesRows, service: string, phase: PhaseRow): number | undefined {
  if (phase.action !== 'deploy') return undefined;
  const { up, pods } = countsOf(rows, service, phase.pod);
  if (up === pods) return undefined;
  for (const { index, status, launched } of pendingDown(rows, service, phase))
    if (launched !== undefined && (status === 'live' || status === 'stopping')) return index;
  return undefined;
}

/** Pods that are down and whose steps have not started; a canary and steps that an operator holds back keep their order. */
function* pendingDown(rows: ServicesRows, service: string, phase: PhaseRow): IterableIterator<PodRow> {
  if (phase.released !== undefined || phase.held.length > 0) return;
  for (const row of downPods(rows, service, phase.pod)) if (isPending(phase, row.index)) yield row;
}

function* downPods(rows: ServicesRows, service: string, pod: string): IterableIterator<PodRow> {
  for (const row of rowsOf(rows, service, pod)) if (!isUp(row)) yield row;
  for (const [, run] of runsOf(rows, service, pod)) {
    if (run.up < run.pods) for (const row of membersOf(rows, run)) if (!isUp(row)) yield row;
  }
}

/** Whether a pod is already what a step would make of it. */
export function isAsPlanned(rows: ServicesRows, service: ServiceRow, row: PodRow): boolean {
  const recipe = service.recipes[row.pod];
  return recipe !== undefined && isAsWanted(rows, service, row, recipe);
}

/** Says that a phase which could have more steps under way may start none, once. */
export function tellHeldBack(proposal: Proposal, service: ServiceRow, plan: string, phase: PhaseRow): void {
  if (phase.heldBack !== undefined || windowOf(phase) <= 0 || openSteps(phase, 1).length === 0) return;
  const { name, generation } = service;
  const { up } = countsOf(proposal.state, name, phase.pod);
  const { unavailableMax } = phase.rolling!;
  const floor = floorOf(proposal.state, service, phase.pod, unavailableMax);
  const reason = `${up} ${phase.pod} pods are up, and ${floor} have to stay so (max-unavailable ${unavailableMax})`;
  proposal.emit({
    type: 'PhaseHeldBack',
    data: { service: name, generation, plan, phase: phase.name, reason, at: proposal.context.at },
  });
}

/** Pods that stand in for others are like any of them: nothing may depend on which of them there are. */
export function refusalOfUpdate(spec: ServiceSpec, name: string, pod: PodSpec): Decision<never> | undefined {
  const { update } = pod;
  if (update === undefined) return undefined;
  const field = `/pods/${name}/update`;
  const surges = !isNothing(update['max-surge'] ?? 0);
  if (!surges && isNothing(update['max-unavailable']!)) {
    const message = `${field} lets no pod go away and none stand in for it, so none could ever change`;
    return reject('update-without-room', message, { field, remedy: 'max-unavailable of at least 1, or max-surge' });
  }
  if (!surges) return undefined;
  const remedy = 'max-surge: 0 and max-unavailable of at least 1';
  if (Object.keys(pod.volumes ?? {}).length > 0) {
    const message = `${field}/max-surge asks for pods that stand in, but those of ${name} have data that others do not have`;
    return reject('surge-with-volumes', message, { field: `${field}/max-surge`, remedy });
  }
  const why = identityOf(spec, name, pod);
  if (why === undefined) return undefined;
  const message = `${field}/max-surge asks for pods that come and go with each change, but ${why}`;
  return reject('surge-with-identity', message, { field: `${field}/max-surge`, remedy });
}

function identityOf(spec: ServiceSpec, name: string, pod: PodSpec): string | undefined {
  if ((pod.gang ?? false) !== false) return `${name} is a gang, placed all at once`;
  if (pod['allow-decommission'] === false) return `allow-decommission says that none of ${name} may go`;
  if (drainingOf(spec, name) !== undefined) return `the plan decommission drains each pod of ${name} before it goes`;
  const told = Object.entries(spec.pods).find(([, { peers }]) => Object.hasOwn(peers ?? {}, name));
  return told === undefined ? undefined : `pods of ${told[0]} are told who their peers of ${name} are`;
}

function isNothing(amount: number | string): boolean {
  return amount === 0 || amount === '0%';
}
