import {
  rangesOf,
  type PhaseDefinition,
  type PhaseSpec,
  type PhaseSteps,
  type PlanStrategy,
  type ServiceSpec,
} from '@orrery/contracts';
import { gangNameOf } from './gangs.js';
import { isVisiting, recipeOf, wavesOf } from './recipe.js';
import { minimumUpOf, minimumUpOfChange } from './probation.js';
import { rollingOf } from './rolling.js';
import { inTurn } from './steps.js';
import { drainingOf } from './wanted.js';

export interface PlanDefinition {
  readonly plan: string;
  readonly strategy: PlanStrategy;
  readonly phases: readonly PhaseDefinition[];
  /** Environment of the tasks that its steps run. */
  readonly parameters?: Readonly<Record<string, string>>;
  readonly onFailure?: 'rollback' | 'continue';
  /** The whole of it has to be complete so long after its start. */
  readonly deadlineMs?: number;
}

export interface PlanInput {
  readonly before: ServiceSpec | undefined;
  readonly after: ServiceSpec;
  /** What pods may run now: the version that a plan brought about last, as a whole, and those that were wanted since. */
  readonly past: readonly ServiceSpec[];
  /** Pod types of which there may be pods, whatever version they are of. */
  readonly types: readonly string[];
  /** Pods of this type have indexes below this number. */
  readonly slotsOf: (pod: string) => number;
  /** How many pods of this type there are. */
  readonly podsOf: (pod: string) => number;
  /** Nothing is left to do of an earlier plan. */
  readonly settled: boolean;
  /** A plan has brought the service to its target before. */
  readonly deployed: boolean;
}

interface Layout extends Pick<PlanDefinition, 'strategy' | 'onFailure' | 'deadlineMs'> {
  readonly phases: readonly {
    readonly name: string;
    readonly pod: string;
    readonly strategy: PlanStrategy;
    /** Tasks that steps run beside those of the pods. */
    readonly steps?: readonly PhaseSteps[];
    readonly attemptsMax?: number;
    readonly deadlineMs?: number;
  }[];
}

/**
 * The plan that brings a service from one version to another. Phases are ranges of indexes, so making one costs the same
 * for three pods and for a million; a step that finds its pod as it should be is complete at once.
 *
 * Until a service has been brought up once the plan is `deploy`, in the order and with the strategies of the spec. From
 * then on it is `update`: new pods are added, pods that change are relaunched one after the other (unless the spec has an
 * update plan that says otherwise), and at last what is too many is taken down.
 */
export function planToward(input: PlanInput): PlanDefinition {
  const { after, deployed } = input;
  const layout = layoutOf(after, deployed ? ['update', 'deploy'] : ['deploy']);
  const names = new Set(layout.phases.map(({ name }) => name));
  const bringUp = layout.phases.flatMap((phase) => bringUpPhases(input, phase, names));
  const takeDown = takeDownPhases(input, layout, bringUp, names);
  return { ...layout, plan: deployed ? 'update' : 'deploy', phases: [...bringUp, ...takeDown] };
}

/** Pod types in the order in which a plan brings them up, one after the other; nothing where they come together. */
export function orderOf(spec: ServiceSpec, plan: 'deploy' | 'update'): string[] | undefined {
  const { strategy, phases } = layoutOf(spec, plan === 'update' ? ['update', 'deploy'] : ['deploy']);
  if (!inTurn(strategy)) return undefined;
  return [...new Set(phases.flatMap(({ pod, steps }) => (steps === undefined ? [pod] : [])))];
}

/**
 * A plan of the spec over all its pods, started by an operator. Phases of his own naming run the tasks that their steps name;
 * those that name none restart what they go over.
 */
export function planByName(spec: ServiceSpec, plan: string): PlanDefinition | undefined {
  const standard = plan === 'deploy' || plan === 'update';
  if (plan === 'decommission' || (!standard && !Object.hasOwn(spec.plans ?? {}, plan))) return undefined;
  const { phases, ...layout } = layoutOf(spec, standard ? [plan, 'deploy'] : [plan], standard);
  const action = standard ? ('deploy' as const) : ('restart' as const);
  return {
    ...layout,
    plan,
    phases: phases.map((phase) =>
      phase.steps === undefined
        ? restartPhase(spec, { ...phase, action, indexes: range(0, countOf(spec, phase.pod)) })
        : runPhase(spec, phase, phase.steps),
    ),
  };
}

/** Nobody stands in for pods that are only started again. */
function restartPhase(spec: ServiceSpec, phase: PhaseDefinition): PhaseDefinition {
  const rolling = rollingOf(spec, phase.pod);
  if (rolling === undefined) return phase;
  return {
    ...phase,
    ...minimumUpOf(spec, phase.pod),
    rolling: { unavailableMax: Math.max(1, rolling.unavailableMax), surge: 0 },
  };
}

/** Takes all pods down: types in the opposite order of their start. */
export function planOfUninstall(
  spec: ServiceSpec,
  types: readonly string[],
  slotsOf: (pod: string) => number,
): PlanDefinition {
  const pods = [...types, ...layoutOf(spec, ['deploy']).phases.map(({ pod }) => pod)];
  const last = pods.filter((pod, at) => pods.lastIndexOf(pod) === at);
  const phases = last.reverse().map((pod) => ({
    name: pod,
    pod,
    strategy: 'parallel' as const,
    action: 'decommission' as const,
    indexes: range(0, slotsOf(pod)),
  }));
  return { plan: 'uninstall', strategy: 'serial', phases };
}

function bringUpPhases(input: PlanInput, phase: Layout['phases'][number], names: Set<string>): PhaseDefinition[] {
  const { before, after, deployed, settled } = input;
  const { pod } = phase;
  // What is done already is complete at once.
  if (phase.steps !== undefined) return [runPhase(after, phase, phase.steps)];
  const count = countOf(after, pod);
  const gang = gangNameOf(after.pods[pod]?.gang, pod);
  // They get their places together.
  const together = gang === undefined ? {} : { gang };
  const added = { ...phase, action: 'deploy' as const, ...together, ...minimumUpOf(after, pod) };
  if (!deployed) return [{ ...added, indexes: range(0, count) }];
  const existing = Math.min(input.podsOf(pod), input.slotsOf(pod), count);
  const { digest, runDigest } = recipeOf(after, pod)!;
  const relaunch = input.past.some((spec) => recipeOf(spec, pod)?.runDigest !== runDigest);
  const touched = !settled || before === undefined || recipeOf(before, pod)?.digest !== digest;
  const indexes = range(existing, count);
  const changed = touched ? range(0, existing) : [];
  if (changed.length === 0) return indexes.length === 0 ? [] : [{ ...added, indexes }];
  const add = indexes.length === 0 ? [] : [{ ...added, name: freeName(`${phase.name}-add`, names), indexes }];
  const changing: PhaseDefinition = { ...phase, action: 'deploy', indexes: changed };
  return [...add, ...(relaunch ? relaunchPhases(input, changing, names) : [changing])];
}

/** Who stands in for others comes first. Where no plan `update` names them one pod changes after the other. */
function relaunchPhases({ after, slotsOf }: PlanInput, phase: PhaseDefinition, names: Set<string>): PhaseDefinition[] {
  const { pod, action } = phase;
  const ownStrategy = Object.hasOwn(after.plans?.['update']?.phases ?? {}, phase.name);
  const rolling = rollingOf(after, pod);
  const proven = { ...phase, ...minimumUpOfChange(after, pod) };
  if (rolling === undefined) return [ownStrategy ? proven : { ...proven, strategy: 'serial' }];
  const strategy = ownStrategy ? phase.strategy : ('parallel' as const);
  const changing = { ...proven, strategy, rolling };
  const count = countOf(after, pod);
  const indexes = range(Math.max(count, slotsOf(pod)), count + rolling.surge);
  if (indexes.length === 0) return [changing];
  return [{ ...proven, strategy: 'parallel', name: freeName(`${phase.name}-surge`, names), action, indexes }, changing];
}

function runPhase(spec: ServiceSpec, phase: Layout['phases'][number], steps: readonly PhaseSteps[]): PhaseDefinition {
  const count = countOf(spec, phase.pod);
  const everywhere = steps.some(([pod]) => pod === 'default');
  const named = steps.flatMap(([pod]) => (pod !== 'default' && pod < count ? [pod] : []));
  const indexes = everywhere ? range(0, count) : rangesOf([...new Set(named)].sort((left, right) => left - right));
  return { ...phase, action: 'run', indexes };
}

function takeDownPhases(
  input: PlanInput,
  layout: Layout,
  before: readonly PhaseDefinition[],
  names: Set<string>,
): PhaseDefinition[] {
  const types = [...Object.keys(input.after.pods), ...input.types];
  return [...new Set(types)].flatMap((pod) => {
    const count = countOf(input.after, pod);
    const surge = before.find((phase) => phase.pod === pod && phase.rolling !== undefined)?.rolling?.surge ?? 0;
    const indexes = range(count, Math.max(input.slotsOf(pod), count + surge));
    if (indexes.length === 0) return [];
    const name = layout.phases.find((phase) => phase.pod === pod)?.name ?? pod;
    const spec = input.after.pods[pod] ?? input.before?.pods[pod];
    const draining = drainingOf(input.after, pod);
    const oneByOne = hasVolumes(spec) || draining !== undefined;
    const strategy = oneByOne ? ('serial' as const) : ('parallel' as const);
    const first = draining === undefined ? {} : stepsOf(draining);
    const phase = { name: freeName(`${name}-decommission`, names), pod, strategy, indexes, ...first };
    return [{ ...phase, action: 'decommission' as const }];
  });
}

/**
 * The first of these plans that the spec has, else one phase a pod type; pod types that it leaves out come last. Without a
 * word in the spec, pods with volumes start one by one, others and gangs all at once.
 */
function layoutOf(spec: ServiceSpec, plans: readonly string[], complete = true): Layout {
  const given = plans.map((plan) => spec.plans?.[plan]).find((plan) => plan !== undefined);
  const first = given === spec.plans?.['deploy'];
  const phases = Object.entries(given?.phases ?? {}).map(([name, phase]): Layout['phases'][number] => ({
    name,
    pod: phase.pod,
    strategy:
      phase.strategy ?? (goesTogether(spec.pods[phase.pod], first) ? ('parallel' as const) : ('serial' as const)),
    ...visitsOf(spec, phase),
  }));
  const names = new Set(phases.map(({ name }) => name));
  const placed = new Set(phases.flatMap(({ pod, steps }) => (steps === undefined ? [pod] : [])));
  const left = complete ? Object.keys(spec.pods).filter((pod) => !placed.has(pod)) : [];
  const rest = left.map((pod): Layout['phases'][number] => {
    const oneByOne = hasVolumes(spec.pods[pod]) && !isGang(spec.pods[pod]);
    return { name: freeName(pod, names), pod, strategy: oneByOne ? ('serial' as const) : ('parallel' as const) };
  });
  const { strategy = 'serial', 'on-failure': onFailure = 'pause', 'deadline-secs': deadlineSecs } = given ?? {};
  return {
    strategy,
    ...(onFailure === 'pause' ? {} : { onFailure }),
    ...(deadlineSecs === undefined ? {} : { deadlineMs: deadlineSecs * 1000 }),
    phases: [...phases, ...rest],
  };
}

/** `update` says how many pods may go at a time, once there are any. */
function goesTogether(pod: ServiceSpec['pods'][string] | undefined, first: boolean): boolean {
  return isGang(pod) || (pod?.update !== undefined && !first);
}

function isGang(pod: ServiceSpec['pods'][string] | undefined): boolean {
  return (pod?.gang ?? false) !== false;
}

/** The steps of a phase that leaves its pods as they are; those of one that brings them up say what its waves are. */
function visitsOf(spec: ServiceSpec, phase: PhaseSpec) {
  const visiting = phase.steps?.every(([, tasks]) => tasks.every((task) => visits(spec, phase.pod, task)));
  const { steps, ...limits } = stepsOf(phase);
  return visiting === true && steps !== undefined ? { steps, ...limits } : limits;
}

function stepsOf({ steps, 'max-attempts': attemptsMax, 'deadline-secs': deadlineSecs }: PhaseSpec) {
  return {
    ...(steps === undefined ? {} : { steps }),
    ...(attemptsMax === undefined ? {} : { attemptsMax }),
    ...(deadlineSecs === undefined ? {} : { deadlineMs: deadlineSecs * 1000 }),
  };
}

function visits(spec: ServiceSpec, pod: string, name: string): boolean {
  const task = spec.pods[pod]?.tasks[name];
  return task !== undefined && isVisiting(name, task, wavesOf(spec, pod));
}

function freeName(wished: string, taken: Set<string>): string {
  let name = wished;
  for (let number = 2; taken.has(name); number += 1) name = `${wished}-${number}`;
  taken.add(name);
  return name;
}

function hasVolumes(pod: ServiceSpec['pods'][string] | undefined): boolean {
  return Object.keys(pod?.volumes ?? {}).length > 0;
}

function countOf(spec: ServiceSpec, pod: string): number {
  return spec.pods[pod]?.count ?? 0;
}

function range(from: number, to: number): (readonly [number, number])[] {
  return to > from ? [[from, to - 1]] : [];
}
