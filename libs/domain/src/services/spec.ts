import { reject, type Decision } from '@orrery/kernel';
import {
  placeOf,
  PRIORITY_CRITICAL,
  PRIORITY_DEFAULT,
  portNumbersOf,
  portProblem,
  preferencesOf,
  type CheckSpec,
  type PodSpec,
  type PortSpec,
  type ServiceSpec,
  type TaskSpec,
  type UriSpec,
} from '@orrery/contracts';
import { NO_PREFERENCES, preferenceProblem } from '@orrery/scheduling';
import { refusalOfPlacement } from './constraints.js';
import { refusalOfDiscovery } from './discovery-rules.js';
import { refusalOfGang } from './gangs.js';
import { refusalOfOrder } from './order-rules.js';
import { refusalOfPeers, refusalOfPlans } from './spec-plans.js';
import { refusalOfUpdate } from './rolling.js';
import { refusalOfSecrets } from './secret-rules.js';

const READINESS_DEFAULTS = { interval: 1, timeout: 5, delay: 0, 'grace-period': 0, 'max-consecutive-failures': 1 };
const HEALTH_DEFAULTS = { interval: 5, timeout: 5, delay: 0, 'grace-period': 10, 'max-consecutive-failures': 3 };
/** The launch of a pod has to fit into one decision. */
const TASKS_LENGTH_MAX = 128 * 1024;
/** Files that the runtime itself writes into a sandbox. */
const RESERVED_PATHS = new Set(['stdout', 'stderr']);

/** The spec with every default written out: what versions keep and what differences are made of. */
export function withDefaults(spec: ServiceSpec): ServiceSpec {
  return {
    ...spec,
    role: spec.role ?? '*',
    priority: spec.priority ?? PRIORITY_DEFAULT,
    pods: mapValues(spec.pods, podWithDefaults),
    'replacement-failure-policy': { 'unreachable-replace-secs': 0, ...spec['replacement-failure-policy'] },
    backoff: { 'initial-secs': 1, factor: 2, 'max-secs': 300, ...spec.backoff },
  };
}

function podWithDefaults(pod: PodSpec): PodSpec {
  return {
    ...pod,
    count: pod.count ?? 1,
    'allow-decommission': pod['allow-decommission'] ?? Object.keys(pod.volumes ?? {}).length === 0,
    placement: pod.placement ?? [],
    policy: pod.policy ?? 'spread',
    ...(pod.update === undefined ? {} : { update: updateWithDefaults(pod.update) }),
    volumes: mapValues(pod.volumes ?? {}, (volume) => ({ type: 'ROOT' as const, ...volume })),
    tasks: mapValues(pod.tasks, taskWithDefaults),
  };
}

/** Who lets others stand in for pods that change can have all of them up, and gets that if he says nothing else. */
function updateWithDefaults({
  'max-unavailable': away,
  'max-surge': surge = 0,
  ...rest
}: NonNullable<PodSpec['update']>) {
  return { 'max-unavailable': away ?? (surge === 0 || surge === '0%' ? 1 : 0), 'max-surge': surge, ...rest };
}

function taskWithDefaults(task: TaskSpec): TaskSpec {
  const readiness = task['readiness-check'];
  const health = task['health-check'];
  return {
    goal: 'RUNNING',
    essential: true,
    ...(task['resource-set'] === undefined ? { cpus: 0.1, memory: 64, disk: 0 } : {}),
    gpus: 0,
    env: {},
    configs: {},
    'kill-grace-period': 5,
    ...task,
    ports: mapValues(task.ports ?? {}, (port, name) => ({
      port: 0,
      'env-key': portKey(name),
      advertise: false,
      ...port,
    })),
    ...(readiness === undefined ? {} : { 'readiness-check': { ...READINESS_DEFAULTS, ...readiness } }),
    ...(health === undefined ? {} : { 'health-check': { ...HEALTH_DEFAULTS, ...health } }),
  };
}

function portKey(name: string): string {
  return `PORT_${name.toUpperCase().replaceAll('-', '_')}`;
}

/** What the schema can't say about a spec whose defaults are written out; nothing when all is well. */
export function refusalOfSpec(spec: ServiceSpec): Decision<never> | undefined {
  for (const [name, pod] of Object.entries(spec.pods)) {
    const path = `/pods/${name}`;
    const refusal =
      refusalOfPlacement(spec, name, pod) ??
      refusalOfRevocable(pod, pod.priority ?? spec.priority, path) ??
      refusalOfPreferences(pod, path) ??
      refusalOfGang(spec, name, pod) ??
      refusalOfUpdate(spec, name, pod) ??
      refusalOfPaths(pod, path) ??
      refusalOfVolumes(pod, path) ??
      refusalOfPorts(pod, path) ??
      refusalOfSecrets(spec, pod, path) ??
      refusalOfRlimits(pod, path) ??
      refusalOfLength(pod, path);
    if (refusal !== undefined) return refusal;
    for (const [taskName, task] of Object.entries(pod.tasks)) {
      const taskRefusal = refusalOfTask(task, `${path}/tasks/${taskName}`);
      if (taskRefusal !== undefined) return taskRefusal;
    }
  }
  return refusalOfPlans(spec) ?? refusalOfPeers(spec) ?? refusalOfDiscovery(spec) ?? refusalOfOrder(spec);
}

function refusalOfPreferences({ affinities, spreads }: PodSpec, path: string): Decision<never> | undefined {
  const problem = preferenceProblem(preferencesOf(affinities, spreads) ?? NO_PREFERENCES);
  return problem === undefined ? undefined : invalid(`${path}${problem.path}`, problem.message, problem.remedy);
}

/** Best effort keeps nothing: no data, and no place that nobody could ever take. */
function refusalOfRevocable(pod: PodSpec, priority: number | undefined, path: string): Decision<never> | undefined {
  if (pod.revocable !== true) return undefined;
  const field = `${path}/revocable`;
  if (Object.keys(pod.volumes ?? {}).length > 0)
    return reject(
      'revocable-with-volumes',
      `${field} is set and the pod has volumes, whose data would be left behind`,
      {
        field,
        remedy: 'leave out the volumes, or give it a low priority instead: pods with volumes are never preempted',
      },
    );
  if ((priority ?? PRIORITY_DEFAULT) < PRIORITY_CRITICAL) return undefined;
  return reject('revocable-and-critical', `${field} is set and the priority is ${priority}, which nobody preempts`, {
    field,
    remedy: `a priority below ${PRIORITY_CRITICAL}, or leave out revocable`,
  });
}

function refusalOfPaths(pod: PodSpec, path: string): Decision<never> | undefined {
  const taken = new Map<string, string>();
  const places = [
    ...Object.entries(pod.volumes ?? {}).map(
      ([name, volume]) => [`${path}/volumes/${name}/path`, volume.path] as const,
    ),
    ...urisOf(pod.uris, `${path}/uris`),
    ...Object.entries(pod.tasks).flatMap(([task, { uris }]) => urisOf(uris, `${path}/tasks/${task}/uris`)),
    ...Object.entries(pod.tasks).flatMap(([task, { configs }]) =>
      Object.entries(configs ?? {}).map(
        ([name, { dest }]) => [`${path}/tasks/${task}/configs/${name}/dest`, dest] as const,
      ),
    ),
  ];
  for (const [field, place] of places) {
    const parts = place.split('/');
    if (parts.includes('..') || parts.includes('.'))
      return invalid(field, 'leaves the sandbox', 'a path without . and ..');
    if (RESERVED_PATHS.has(place)) return invalid(field, 'is a file of the runtime', 'choose another path');
  }
  for (const [field, place] of places.slice(0, Object.keys(pod.volumes ?? {}).length)) {
    for (const [other, where] of taken) {
      const nested = place === where || place.startsWith(`${where}/`) || where.startsWith(`${place}/`);
      if (nested)
        return invalid(field, `lies in the place of ${other}, found ${place}`, 'give each volume a folder of its own');
    }
    taken.set(field, place);
  }
  return undefined;
}

function refusalOfVolumes(pod: PodSpec, path: string): Decision<never> | undefined {
  for (const [name, { type, disk, shared, of }] of Object.entries(pod.volumes ?? {})) {
    const field = `${path}/volumes/${name}`;
    if (disk !== undefined && type === 'ROOT')
      return invalid(`${field}/disk`, `names disk ${disk}, but a ROOT volume is on none`, 'type PATH or MOUNT');
    if (of !== undefined && shared !== true)
      return invalid(`${field}/of`, `is the volume of ${of}, which can only be shared`, 'shared: true');
    if (shared === true && of === undefined && (pod.gang ?? false) !== false)
      return invalid(
        `${field}/shared`,
        'needs a pod that goes ahead, and a gang has none',
        'gang: false, or no shared volume',
      );
  }
  return undefined;
}

function urisOf(uris: readonly UriSpec[] | undefined, path: string): (readonly [field: string, place: string])[] {
  return (uris ?? []).map(({ dest, uri }, at) => [`${path}/${at}/dest`, dest ?? placeOf(uri)]);
}

/** Tasks of a pod share the agent's address, so a fixed port can be had once. */
function refusalOfPorts(pod: PodSpec, path: string): Decision<never> | undefined {
  const taken = new Map<number, string>();
  for (const [task, { ports }] of Object.entries(pod.tasks)) {
    for (const [name, spec] of Object.entries(ports ?? {}) as [string, PortSpec][]) {
      const { port } = spec;
      const problem = portProblem(spec);
      if (problem !== undefined)
        return invalid(`${path}/tasks/${task}/ports/${name}/${problem.field}`, problem.message, problem.remedy);
      const twin = portNumbersOf(name, spec).find(
        (other) => other.name !== name && Object.hasOwn(ports ?? {}, other.name),
      );
      if (twin !== undefined)
        return invalid(
          `${path}/tasks/${task}/ports/${name}/count`,
          `names a port ${twin.name}, as does the task`,
          'another name',
        );
      if (port === undefined || port === 0) continue;
      const field = `${path}/tasks/${task}/ports/${name}/port`;
      const other = taken.get(port);
      if (other !== undefined)
        return invalid(field, `is ${port}, as is ${other}`, 'another number, or 0 for any free one');
      taken.set(port, field);
    }
  }
  return undefined;
}

function refusalOfRlimits({ rlimits = {} }: PodSpec, path: string): Decision<never> | undefined {
  const sizeOf = (limit: number) => (limit === -1 ? Infinity : limit);
  for (const [name, { soft, hard }] of Object.entries(rlimits)) {
    if (sizeOf(soft) <= sizeOf(hard)) continue;
    const field = `${path}/rlimits/${name}/soft`;
    return invalid(field, `is ${soft}, more than its hard limit of ${hard}`, 'no more than hard; -1 is no limit');
  }
  return undefined;
}

function refusalOfLength({ tasks }: PodSpec, path: string): Decision<never> | undefined {
  const length = JSON.stringify(tasks).length;
  if (length <= TASKS_LENGTH_MAX) return undefined;
  const message = `is ${length} characters long, at most ${TASKS_LENGTH_MAX} fit`;
  return invalid(`${path}/tasks`, message, 'shorter cmd, env or configs');
}

function refusalOfTask(task: TaskSpec, path: string): Decision<never> | undefined {
  const keys = new Map<string, string>();
  for (const key of Object.keys(task.env ?? {})) {
    const field = `${path}/env/${key}`;
    if (key.startsWith('ORRERY_'))
      return invalid(field, 'is set by the agent', 'a name that does not begin with ORRERY_');
    keys.set(key, field);
  }
  for (const [name, port] of Object.entries(task.ports ?? {})) {
    const field = `${path}/ports/${name}/env-key`;
    for (const { suffix } of portNumbersOf(name, port)) {
      const key = `${port['env-key']!}${suffix}`;
      const other = keys.get(key);
      if (other !== undefined) return invalid(field, `is ${key}, as is ${other}`, 'another env-key');
      if (key.startsWith('ORRERY_'))
        return invalid(field, 'is set by the agent', 'a name that does not begin with ORRERY_');
      keys.set(key, field);
    }
  }
  return refusalOfCheck(task, 'readiness-check', path) ?? refusalOfCheck(task, 'health-check', path);
}

function refusalOfCheck(
  task: TaskSpec,
  name: 'readiness-check' | 'health-check',
  path: string,
): Decision<never> | undefined {
  const check: CheckSpec | undefined = task[name];
  if (check === undefined) return undefined;
  const field = `${path}/${name}`;
  const probes = (['cmd', 'http', 'tcp'] as const).filter((probe) => check[probe] !== undefined);
  if (probes.length !== 1) {
    return invalid(
      field,
      `has exactly one of cmd, http, tcp, found ${probes.join(', ') || 'none'}`,
      'keep one of them',
    );
  }
  const port = check.http?.port ?? check.tcp?.port;
  if (port === undefined || Object.hasOwn(task.ports ?? {}, port)) return undefined;
  const known = Object.keys(task.ports ?? {}).join(', ') || 'none yet';
  return invalid(
    `${field}/${probes[0]}/port`,
    `names no port of this task, found ${port}`,
    `ports of this task: ${known}`,
  );
}

function invalid(field: string, message: string, remedy: string): Decision<never> {
  return reject('invalid-spec', `${field} ${message}`, { field, remedy });
}

function mapValues<Value, Mapped>(
  values: Readonly<Record<string, Value>>,
  change: (value: Value, name: string) => Mapped,
): Record<string, Mapped> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value, name)]));
}
