import type { PhaseDefinition, PlanStatus, PlanStrategy, Preemptor, ServiceSpec, Volume } from '@orrery/contracts';
import { podName, priorityOf } from '@orrery/contracts';
import type { EpochMs, Refusal } from '@orrery/kernel';
import { applyService } from './commands.js';
import { differenceOf, type Difference } from './difference.js';
import { planView, workOf, type PlanView } from './plan-view.js';
import { isPaused } from './asleep.js';
import { podAt, podsOf, rowsOf } from './pods.js';
import { runsOf } from './run-rows.js';
import { countsOf, isRunning, isUp, podTypes, type Counts } from './tallies.js';
import { Proposal } from './proposal.js';
import { recipeOf, specAt } from './recipe.js';
import {
  launchesOf,
  versionKey,
  type PodRow,
  type ServiceRow,
  type ServicesRows,
  type ServicesState,
} from './state.js';
import { targetSpec } from './wanted.js';

/**
 * DEPLOYING, UPDATING: a plan is under way · RUNNING: every wanted pod is ready · FINISHED: every pod has done its work ·
 * DEGRADED: no plan is under way and some pod is not ready · UNINSTALLING
 */
export type ServiceState = 'DEPLOYING' | 'UPDATING' | 'RUNNING' | 'FINISHED' | 'DEGRADED' | 'UNINSTALLING';

export interface ServiceView {
  readonly name: string;
  readonly version: number;
  readonly generation: number;
  readonly role: string;
  readonly state: ServiceState;
  readonly pods: Readonly<
    Record<
      string,
      {
        readonly count: number;
        readonly running: number;
        readonly ready: number;
        readonly priority: number;
        readonly revocable?: true;
      }
    >
  >;
  /** `message`, `failedTask`: in ERROR, why. */
  readonly plan: Pick<PlanView, 'name' | 'status' | 'message' | 'failedTask'> | null;
  /** What it was installed from. */
  readonly package?: { readonly name: string; readonly version: string };
}

/** What is known here of a pod; what its processes do is known to the cluster. */
export interface PodView {
  readonly name: string;
  readonly pod: string;
  readonly index: number;
  readonly state:
    'PLACING' | 'STARTING' | 'RUNNING' | 'READY' | 'PAUSED' | 'STOPPING' | 'DELAYED' | 'WAITING' | 'FINISHED';
  readonly message?: string;
  readonly agent: string | null;
  readonly grant: string | null;
  /** The version whose recipe it is to run. */
  readonly version: number;
  readonly volumes: readonly Volume[];
  /** It makes way for these, or did and has no other place yet. */
  readonly preemptedBy?: Preemptor;
  readonly until?: EpochMs;
  readonly tasks: readonly {
    readonly task: string;
    readonly status: string;
    readonly incarnation: number;
    readonly launch?: string;
    readonly failures: number;
    readonly until?: EpochMs;
    /** It sleeps instead of running its command, or will from its next start on. */
    readonly paused?: true;
  }[];
}

export interface VersionView {
  readonly version: number;
  readonly digest: string;
  readonly spec: ServiceSpec;
}

/** What an apply would do: its refusal, or what would change and the plan that would run. */
export type Preview =
  | { readonly ok: false; readonly refusal: Refusal }
  | {
      readonly ok: true;
      readonly difference: Difference;
      /** Absent: nothing would change. */
      readonly plan?: {
        readonly name: string;
        readonly strategy: PlanStrategy;
        readonly phases: readonly PhaseDefinition[];
      };
      readonly spec: ServiceSpec;
    };

export function serviceView(rows: ServicesRows, name: string): ServiceView | undefined {
  const service = rows.services.get(name);
  if (service === undefined) return undefined;
  const spec = targetSpec(rows, service);
  const pods = Object.keys(spec.pods).map((pod) => {
    const { running, up } = countsOf(rows, name, pod);
    const { ranked } = recipeOf(spec, pod)!;
    const counts = { count: spec.pods[pod]!.count ?? 0, running, ready: up };
    return [pod, { ...counts, ...ranked, priority: priorityOf(ranked) }] as const;
  });
  const plan = service.plan === undefined ? undefined : planView(rows, name, service.plan, PLAN_STEPS_LOOKED_AT);
  return {
    name,
    version: service.version,
    generation: service.generation,
    role: service.role,
    state: stateOf(rows, service, spec, plan?.status),
    pods: Object.fromEntries(pods),
    plan: plan === undefined ? null : briefly(plan),
    ...(spec.package !== undefined && { package: { name: spec.package.name, version: spec.package.version } }),
  };
}

/** Version → how many pods run it. */
export type VersionCounts = Readonly<Record<string, number>>;

/**
 * By pod type, what its pods really run, whatever plans say: a plan that was completed by force, or stopped, leaves older versions.
 * A version that changed nothing for a pod type counts as what its pods run.
 */
export function versionsRunning(rows: ServicesRows, name: string): Readonly<Record<string, VersionCounts>> {
  const service = rows.services.get(name);
  if (service === undefined) return {};
  const versions = podTypes(rows, name).map((pod) => {
    const counts: Record<string, number> = {};
    const count = (launched: number, pods: number) => {
      const version = launched === service.recipes[pod] ? service.version : launched;
      if (pods > 0) counts[version] = (counts[version] ?? 0) + pods;
    };
    for (const row of rowsOf(rows, name, pod)) {
      if (row.launched !== undefined && launchesOf(row).length > 0) count(row.launched, 1);
    }
    for (const [, run] of runsOf(rows, name, pod)) count(run.recipe, run.running);
    return [pod, counts] as const;
  });
  return Object.fromEntries(versions);
}

/** Services in the order of their names, those after `after` first. */
export function serviceViews(rows: ServicesRows, limit: number, after = ''): ServiceView[] {
  const views: ServiceView[] = [];
  for (const [name] of rows.services.entries(after)) {
    if (views.length >= limit) break;
    if (name !== after) views.push(serviceView(rows, name)!);
  }
  return views;
}

/** How many pods of each type there are and how far they are: cheap, however many. */
export function podCounts(rows: ServicesRows, service: string): Readonly<Record<string, Counts>> {
  return Object.fromEntries(podTypes(rows, service).map((pod) => [pod, countsOf(rows, service, pod)]));
}

/** `pod`: the name of one instance, such as web-0. */
export function podView(rows: ServicesRows, service: string, pod: string): PodView | undefined {
  const dash = pod.lastIndexOf('-');
  const row = podAt(rows, service, pod.slice(0, dash), Number(pod.slice(dash + 1)));
  return row === undefined ? undefined : viewOfPod(row);
}

/** Whether this task of a pod sleeps on an operator's word. */
export function isPausedTask(rows: ServicesRows, service: string, pod: string, index: number, task: string): boolean {
  const row = podAt(rows, service, pod, index);
  return row !== undefined && isPaused(row, task);
}

/** Pods of a service in the order of type and index, those after `after` (a name) first. */
export function podViews(rows: ServicesRows, service: string, limit: number, after?: string): PodView[] {
  const dash = after?.lastIndexOf('-') ?? 0;
  const last = after === undefined ? undefined : { pod: after.slice(0, dash), index: Number(after.slice(dash + 1)) };
  const views: PodView[] = [];
  for (const pod of podTypes(rows, service)) {
    if (last !== undefined && pod < last.pod) continue;
    for (const row of podsOf(rows, service, pod, pod === last?.pod ? last.index + 1 : 0)) {
      if (views.length >= limit) return views;
      views.push(viewOfPod(row));
    }
  }
  return views;
}

/** Kept versions, oldest first. */
export function versionViews(rows: ServicesRows, service: string): VersionView[] {
  const views: VersionView[] = [];
  for (const [, row] of rows.versions.entries(versionKey(service, 0))) {
    if (row.service !== service) break;
    const { version, specDigest } = row;
    views.push({ version, digest: specDigest, spec: specAt(rows, service, version)! });
  }
  return views;
}

/** The difference between two kept versions. */
export function versionDifference(
  rows: ServicesRows,
  service: string,
  from: number,
  to: number,
): Difference | undefined {
  const before = specAt(rows, service, from);
  const after = specAt(rows, service, to);
  return before === undefined || after === undefined ? undefined : differenceOf(before, after);
}

/** Tries an apply on a state without changing it: what `--dry-run` shows. */
export function previewApply(state: ServicesState, spec: ServiceSpec, at: EpochMs): Preview {
  let ordinal = 0;
  const proposal = new Proposal(state, {
    at,
    seed: 0,
    seq: 0,
    nextId: () => `preview.${ordinal++}`,
    nextIds: (count) => (ordinal += count) - count,
  });
  const service = state.services.get(spec.name);
  const before = service === undefined ? undefined : targetSpec(state, service);
  const decision = applyService(proposal, spec);
  if (!decision.accepted) return { ok: false, refusal: decision.refusal };
  const applied = decision.events.find((event) => event.type === 'ServiceApplied');
  const started = decision.events.find((event) => event.type === 'PlanStarted');
  if (applied === undefined || started === undefined) {
    return { ok: true, difference: differenceOf(before, before!), spec: before! };
  }
  const { plan: name, strategy, phases } = started.data;
  const after = applied.data.spec;
  return { ok: true, difference: differenceOf(before, after), plan: { name, strategy, phases }, spec: after };
}

function briefly({ name, status, message, failedTask }: PlanView): ServiceView['plan'] {
  return {
    ...{ name, status },
    ...(message === undefined ? {} : { message }),
    ...(failedTask === undefined ? {} : { failedTask }),
  };
}

/** A status needs no more than the first of them. */
const PLAN_STEPS_LOOKED_AT = 100;

function stateOf(
  rows: ServicesRows,
  service: ServiceRow,
  spec: ServiceSpec,
  plan: PlanStatus | undefined,
): ServiceState {
  if (service.uninstalling) return 'UNINSTALLING';
  const running =
    plan !== undefined &&
    plan !== 'COMPLETE' &&
    rows.plans.get(`${service.name}/${service.plan!}`)?.status === 'running';
  if (running) return service.deployed ? 'UPDATING' : 'DEPLOYING';
  let wanted = 0;
  let up = 0;
  let finished = 0;
  for (const [pod, { count }] of Object.entries(spec.pods)) {
    const tally = countsOf(rows, service.name, pod);
    wanted += count ?? 0;
    up += tally.up;
    finished += tally.finished;
  }
  if (up < wanted) return 'DEGRADED';
  return wanted > 0 && finished >= wanted ? 'FINISHED' : 'RUNNING';
}

function viewOfPod(row: PodRow): PodView {
  const { pod, index, recipe, seat, preemptedBy, until } = row;
  const work = isUp(row) ? undefined : workOf(row);
  return {
    name: podName(pod, index),
    pod,
    index,
    state: podState(row),
    ...(work?.message === undefined ? {} : { message: work.message }),
    agent: seat?.agent ?? null,
    grant: seat?.grant ?? null,
    version: recipe,
    volumes: seat?.volumes ?? [],
    ...(preemptedBy === undefined ? {} : { preemptedBy }),
    ...(until === undefined ? {} : { until }),
    tasks: Object.entries(row.tasks)
      .filter(([, { status }]) => status !== 'dropped')
      .map(([task, { status, incarnation, launch, failures, until: next }]) => ({
        task,
        status,
        incarnation,
        ...(launch === undefined ? {} : { launch }),
        failures,
        ...(row.paused?.includes(task) === true ? { paused: true as const } : {}),
        ...(next === undefined ? {} : { until: next }),
      })),
  };
}

function podState(row: PodRow): PodView['state'] {
  switch (row.status) {
    case 'placing':
      return 'PLACING';
    case 'waiting':
      return 'WAITING';
    case 'finished':
      return 'FINISHED';
    case 'stopping':
      return launchesOf(row).length > 0 ? 'STOPPING' : 'DELAYED';
    case 'live':
      if (launchesOf(row).length === 0) return 'DELAYED';
      if (isUp(row)) return row.paused === undefined ? 'READY' : 'PAUSED';
      return isRunning(row) ? 'RUNNING' : 'STARTING';
  }
}
