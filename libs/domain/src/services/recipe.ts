import { encodePlain, sha256, type Plain } from '@orrery/kernel';
import {
  ENGINE_ATTRIBUTE,
  milli,
  PRIORITY_DEFAULT,
  rankedAs,
  portNumbersOf,
  preferencesOf,
  taskTemplateOf,
  templateDigestOf,
  type Constraint,
  type PodNeeds,
  type PodSpec,
  type Ranked,
  type Preferences,
  type ResourceSetSpec,
  type ServiceSpec,
  type TaskSpec,
  type TaskTemplate,
} from '@orrery/contracts';
import { constraintsOf } from './constraints.js';
import { versionKey, type PodRow, type ServiceRow, type ServicesRows } from './state.js';

/** All that a version says about one pod type: how its tasks run, what a pod needs and where it may be. */
export interface Recipe {
  /** The pod's own tasks, in the order of their names. */
  readonly tasks: readonly TaskRecipe[];
  /** Those that only steps of plans run, in the place of the pod, beside its own. */
  readonly visiting: readonly TaskRecipe[];
  /** Pod types whose places its tasks are told. */
  readonly peers: Readonly<Record<string, 'placed' | 'all'>>;
  /** Its tasks start all at once and are told nothing about others, and nothing else runs beside them. */
  readonly plain: boolean;
  readonly needs: PodNeeds;
  readonly constraints: readonly Constraint[];
  readonly policy: 'pack' | 'spread';
  readonly ranked: Ranked;
  /** Pods that are asked for together are placed all at once, or none of them; with those of types that name the same gang. */
  readonly gang: boolean | string;
  /** What pods would rather have. */
  readonly preferences: Preferences | undefined;
  /** A port number that only one pod an agent can have. */
  readonly fixedPorts: boolean;
  /** Equal: the same in everything. */
  readonly digest: string;
  /** Equal: a running pod need not be launched again. */
  readonly runDigest: string;
  /** Equal: a grant of one serves the other. */
  readonly needsDigest: string;
  /** Equal: a request of one serves the other. */
  readonly placeDigest: string;
}

export interface TaskRecipe {
  readonly name: string;
  readonly goal: 'RUNNING' | 'FINISH' | 'ONCE';
  readonly essential: boolean;
  readonly gpus: number;
  /** It starts when every task of a lower wave is ready or has reached its goal. */
  readonly wave: number;
  /** Names of its ports. */
  readonly ports: readonly string[];
  readonly template: TaskTemplate;
  readonly templateDigest: string;
  /** Characters of the template as JSON: what a set of launches weighs besides its launches. */
  readonly templateLength: number;
}

/** Where an image can run: as any other rule it counts in what `task why` tells. */
const WITH_ENGINE: Constraint = { field: ENGINE_ATTRIBUTE, operator: 'LIKE', value: '.+' };

const made = new WeakMap<PodSpec, Recipe>();
/** By the pod spec as JSON, the oldest first: many services have pods alike, and each fold reads the same spec anew. */
const alike = new Map<string, Recipe>();
const ALIKE_MAX = 500;
const ALIKE_LENGTH_MAX = 8_192;

/** The spec of a kept version, or nothing when that version is gone. */
export function specAt(rows: ServicesRows, service: string, version: number): ServiceSpec | undefined {
  return rows.versions.get(versionKey(service, version))?.spec;
}

/** The recipe of a pod type in a kept version, or nothing when that version is gone or has no such pods. */
export function recipeAt(rows: ServicesRows, service: string, version: number, pod: string): Recipe | undefined {
  const spec = specAt(rows, service, version);
  return spec === undefined ? undefined : recipeOf(spec, pod);
}

/** The recipe that a pod is to run: that of the wanted version where its own is no longer kept. */
export function recipeFor(
  rows: ServicesRows,
  service: ServiceRow,
  row: Pick<PodRow, 'service' | 'pod' | 'recipe'>,
): Recipe | undefined {
  return recipeAt(rows, row.service, row.recipe, row.pod) ?? recipeAt(rows, row.service, service.version, row.pod);
}

/** Specs are never changed in place, so what was made of one holds as long as it does. */
export function recipeOf(spec: ServiceSpec, pod: string): Recipe | undefined {
  if (!Object.hasOwn(spec.pods, pod)) return undefined;
  const podSpec = spec.pods[pod]!;
  let recipe = made.get(podSpec);
  if (recipe === undefined) made.set(podSpec, (recipe = recipeLike(podSpec, spec.priority, wavesOf(spec, pod))));
  return recipe;
}

/** `priority`: of the service, for pods that say nothing. */
function recipeLike(
  pod: PodSpec,
  priority: number | undefined,
  waves: ReadonlyMap<string, number> | undefined,
): Recipe {
  const key = JSON.stringify([priority, pod, ...(waves ?? [])]);
  const known = alike.get(key);
  if (known !== undefined) return known;
  const recipe = makeRecipe(pod, priority, waves);
  if (key.length > ALIKE_LENGTH_MAX) return recipe;
  if (alike.size >= ALIKE_MAX) alike.delete(alike.keys().next().value!);
  alike.set(key, recipe);
  return recipe;
}

/**
 * Task → the place of the step of `deploy` that starts it, among the steps that start tasks of its pod. Nothing when that plan
 * names none of them: then all start at once.
 */
export function wavesOf({ plans, pods }: ServiceSpec, pod: string): ReadonlyMap<string, number> | undefined {
  const standing = (task: string) => pods[pod]?.tasks[task]?.['resource-set'] === undefined;
  const waves = new Map<string, number>();
  let wave = 0;
  for (const phase of Object.values(plans?.['deploy']?.phases ?? {})) {
    if (phase.pod !== pod) continue;
    for (const [, tasks] of phase.steps ?? []) {
      const started = tasks.filter((task) => standing(task) && !waves.has(task));
      for (const task of started) waves.set(task, wave);
      if (started.length > 0) wave += 1;
    }
  }
  return waves.size === 0 ? undefined : waves;
}

/** Whether only steps of plans run this task: it shares a resource set, or is left out where `deploy` names tasks of its pod. */
export function isVisiting(name: string, task: TaskSpec, waves: ReadonlyMap<string, number> | undefined): boolean {
  return task['resource-set'] !== undefined || (waves !== undefined && !waves.has(name));
}

/** Whether every task of the waves before this one is ready or has reached its goal. */
export function isWaveOpen(recipe: Recipe, tasks: PodRow['tasks'], wave: number): boolean {
  return recipe.tasks.every((task) => {
    const status = tasks[task.name]?.status;
    return task.wave >= wave || status === 'ready' || status === 'finished';
  });
}

export function digestOf(value: object): string {
  return sha256(encodePlain(value as Plain));
}

function makeRecipe(
  pod: PodSpec,
  priority: number | undefined,
  waves: ReadonlyMap<string, number> | undefined,
): Recipe {
  const named = Object.entries(pod.tasks).sort(([left], [right]) => (left < right ? -1 : 1));
  const recipes = (visiting: boolean) =>
    named
      .filter(([name, task]) => isVisiting(name, task, waves) === visiting)
      .map(([name, task]) => taskRecipe(name, task, pod, waves?.get(name) ?? 0));
  const [tasks, visiting] = [recipes(false), recipes(true)];
  const peers = pod.peers ?? {};
  const isPlain = visiting.length === 0 && Object.keys(peers).length === 0 && !tasks.some(({ wave }) => wave > 0);
  const needs = needsOf(pod);
  const constraints = [...(pod.image === undefined ? [] : [WITH_ENGINE]), ...constraintsOf(pod.placement)];
  const policy = pod.policy ?? 'spread';
  const ranked = rankedAs(pod.priority ?? priority ?? PRIORITY_DEFAULT, pod.revocable === true);
  // What may be taken back any time is another kind of place.
  const needsDigest = digestOf(ranked.revocable === true ? [needs, 'revocable'] : needs);
  const runDigest = digestOf([needsDigest, ...tasks.map(({ name, templateDigest }) => [name, templateDigest])]);
  const gang = pod.gang ?? false;
  const preferences = preferencesOf(pod.affinities, pod.spreads);
  const placeDigest = digestOf([
    needsDigest,
    constraints,
    policy,
    ranked,
    ...(gang === false ? [] : ['gang', gang]),
    ...(preferences === undefined ? [] : [preferences]),
  ]);
  const essentials = tasks.filter(({ essential }) => essential).map(({ name }) => name);
  return {
    tasks,
    visiting,
    peers,
    plain: isPlain,
    needs,
    constraints,
    policy,
    ranked,
    gang,
    preferences,
    fixedPorts: needs.ports.some(({ port }) => port !== 0),
    digest: digestOf([runDigest, placeDigest, essentials, peers, tasks.map(({ wave }) => wave)]),
    runDigest,
    needsDigest,
    placeDigest,
  };
}

function needsOf(pod: PodSpec): PodNeeds {
  const tasks = Object.entries(pod.tasks);
  const footprints = [
    ...tasks.map(([, task]) => task).filter((task) => task['resource-set'] === undefined),
    ...Object.values(pod['resource-sets'] ?? {}),
  ];
  const sum = (amount: (footprint: ResourceSetSpec) => number) =>
    footprints.reduce((total, footprint) => total + amount(footprint), 0);
  return {
    cpusMilli: sum(({ cpus }) => milli(cpus)),
    memoryMib: sum(({ memory }) => memory ?? 0),
    diskMib: sum(({ disk }) => disk ?? 0),
    gpus: tasks.reduce((total, [, { gpus }]) => total + (gpus ?? 0), 0),
    ports: tasks.flatMap(([task, { ports }]) =>
      Object.entries(ports ?? {}).flatMap(([port, spec]) =>
        portNumbersOf(port, spec).map(({ name, suffix: _suffix, ...need }) => ({ ...need, name: `${task}.${name}` })),
      ),
    ),
    volumes: Object.entries(pod.volumes ?? {}).map(([name, { path, type, size, disk, shared, of }]) => ({
      ...{ name, path, type: type ?? 'ROOT', sizeMib: size },
      ...(disk === undefined ? {} : { disk }),
      ...(shared === true ? { shared } : {}),
      ...(of === undefined ? {} : { of }),
    })),
  };
}

function taskRecipe(name: string, task: TaskSpec, pod: PodSpec, wave: number): TaskRecipe {
  const ports = Object.entries(task.ports ?? {});
  const template = taskTemplateOf(task, pod);
  return {
    name,
    goal: template.goal,
    essential: task.essential ?? true,
    gpus: task.gpus ?? 0,
    wave,
    ports: ports.flatMap(([port, spec]) => portNumbersOf(port, spec).map(({ name: number }) => number)),
    template,
    templateDigest: templateDigestOf(template),
    templateLength: JSON.stringify(template).length,
  };
}
