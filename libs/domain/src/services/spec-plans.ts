import { reject, type Decision } from '@orrery/kernel';
import type { ParameterSpec, PhaseSpec, PlanSpec, PodSpec, ServiceSpec } from '@orrery/contracts';
import { compilePattern } from '@orrery/scheduling';
import { problemOf } from './parameters.js';
import { PEERS_MAX } from './peers.js';
import { isVisiting, wavesOf } from './recipe.js';

const RESERVED_PLANS = new Set(['uninstall', 'recovery']);
/** Plans that nobody starts with parameters: they follow from what is applied. */
const STANDARD_PLANS = new Set(['deploy', 'update', 'decommission']);

/** What is wrong with the plans of a spec, and with what they run. */
export function refusalOfPlans(spec: ServiceSpec): Decision<never> | undefined {
  for (const [name, plan] of Object.entries(spec.plans ?? {})) {
    const path = `/plans/${name}`;
    if (RESERVED_PLANS.has(name)) return invalid(path, 'is a plan that every service has', 'choose another name');
    const refusal =
      refusalOfFailure(name, plan, path) ??
      refusalOfParameters(name, plan, path) ??
      refusalOfDraining(spec, name, plan, path);
    if (refusal !== undefined) return refusal;
    for (const [phaseName, phase] of Object.entries(plan.phases)) {
      const phaseRefusal = refusalOfPhase(spec, name, phase, `${path}/phases/${phaseName}`);
      if (phaseRefusal !== undefined) return phaseRefusal;
    }
  }
  return refusalOfTasksThatNeverStart(spec);
}

/** Only what brings a service to another version can be taken back, and what runs as part of it fails as part of it. */
function refusalOfFailure(name: string, plan: PlanSpec, path: string): Decision<never> | undefined {
  if (name === 'decommission') {
    const field = (['on-failure', 'deadline-secs', 'strategy'] as const).find((given) => plan[given] !== undefined);
    if (field === undefined) return undefined;
    return invalid(`${path}/${field}`, 'stands in a plan that others run a part of', `plans: update: ${field}`);
  }
  if (plan['on-failure'] !== 'rollback' || STANDARD_PLANS.has(name)) return undefined;
  return invalid(
    `${path}/on-failure`,
    'is rollback, but only an update has a version to go back to',
    'pause, continue',
  );
}

function refusalOfParameters(name: string, plan: PlanSpec, path: string): Decision<never> | undefined {
  const entries = Object.entries(plan.parameters ?? {});
  if (entries.length > 0 && STANDARD_PLANS.has(name)) {
    return invalid(`${path}/parameters`, 'stand in a plan that nobody starts by hand', 'use env, or another plan');
  }
  for (const [parameter, spec] of entries) {
    const field = `${path}/parameters/${parameter}`;
    if (parameter.startsWith('ORRERY_'))
      return invalid(field, 'is set by the agent', 'a name that does not begin with ORRERY_');
    const problem = problemOfParameter(spec);
    if (problem !== undefined) return invalid(`${field}/${problem.field}`, problem.message, problem.remedy);
  }
  return undefined;
}

function problemOfParameter(spec: ParameterSpec): { field: string; message: string; remedy: string } | undefined {
  if (spec.pattern !== undefined) {
    const compiled = compilePattern(spec.pattern);
    if ('error' in compiled) {
      return {
        field: 'pattern',
        message: `is no regular expression that is known here: ${compiled.error}`,
        remedy: 'letters, . [a-z] \\d \\w \\s ( ) | * + ? {n,m}; no look-around, no back references',
      };
    }
  }
  if (spec.default === undefined) return undefined;
  const problem = problemOf(spec, String(spec.default));
  if (problem === undefined) return undefined;
  return {
    field: 'default',
    message: `${problem}, found ${String(spec.default)}`,
    remedy: 'a value that the plan takes',
  };
}

/** `decommission` says for pod types what is done before one of their pods goes, whichever that is. */
function refusalOfDraining(spec: ServiceSpec, name: string, plan: PlanSpec, path: string): Decision<never> | undefined {
  if (name !== 'decommission') return undefined;
  const pods = new Set<string>();
  for (const [phaseName, { pod, steps, strategy }] of Object.entries(plan.phases)) {
    const field = `${path}/phases/${phaseName}`;
    if (pods.has(pod)) return invalid(`${field}/pod`, `is ${pod}, as in a phase before`, 'put its steps into that one');
    pods.add(pod);
    if (steps === undefined)
      return invalid(`${field}/steps`, 'name what is done before a pod goes', 'steps: [[default, [task]]]');
    if (steps.some(([index]) => index !== 'default'))
      return invalid(`${field}/steps`, 'name a pod, but the highest goes first', 'steps: [[default, [task]]]');
    if (strategy !== undefined && strategy !== 'serial')
      return invalid(`${field}/strategy`, `is ${strategy}, but pods are drained one after the other`, 'serial');
    if (spec.pods[pod]?.['allow-decommission'] === false)
      return invalid(`${field}/pod`, `is ${pod}, of which none may go`, `allow-decommission: true for ${pod}`);
  }
  return undefined;
}

function refusalOfPhase(spec: ServiceSpec, plan: string, phase: PhaseSpec, path: string): Decision<never> | undefined {
  const pod = Object.hasOwn(spec.pods, phase.pod) ? spec.pods[phase.pod] : undefined;
  if (pod === undefined) {
    const known = Object.keys(spec.pods).join(', ');
    return invalid(`${path}/pod`, `names no pod of this service, found ${phase.pod}`, `one of ${known}`);
  }
  const waves = wavesOf(spec, phase.pod);
  const entries = (phase.steps ?? []).entries();
  const kinds = new Set<boolean>();
  for (const [at, [index, tasks]] of entries) {
    const field = `${path}/steps/${at}`;
    for (const name of tasks) {
      const task = Object.hasOwn(pod.tasks, name) ? pod.tasks[name] : undefined;
      if (task === undefined) {
        const known = Object.keys(pod.tasks).join(', ');
        return invalid(field, `names no task of ${phase.pod}, found ${name}`, `one of ${known}`);
      }
      const visiting = isVisiting(name, task, waves);
      kinds.add(visiting);
      if (visiting) continue;
      if (plan !== 'deploy') {
        const remedy = 'leave steps out to restart the pods, or give the task a resource-set';
        return invalid(field, `names ${name}, which runs as long as its pod`, remedy);
      }
      if (index !== 'default') {
        return invalid(
          field,
          `names ${name}, which runs in every pod, for one of them`,
          'give the task a resource-set',
        );
      }
    }
  }
  if (kinds.size < 2) return undefined;
  const message = "name tasks that run beside the pods and the pods' own";
  return invalid(`${path}/steps`, message, 'put tasks with a resource-set into a phase of their own');
}

/** A RUNNING task has to be started by somebody, and what steps run has to end. */
function refusalOfTasksThatNeverStart(spec: ServiceSpec): Decision<never> | undefined {
  for (const [name, pod] of Object.entries(spec.pods)) {
    const waves = wavesOf(spec, name);
    let own = 0;
    for (const [taskName, task] of Object.entries(pod.tasks)) {
      const path = `/pods/${name}/tasks/${taskName}`;
      const refusal = refusalOfSet(pod, task['resource-set'], task, path);
      if (refusal !== undefined) return refusal;
      if (!isVisiting(taskName, task, waves)) own += 1;
      else if ((task.goal ?? 'RUNNING') === 'RUNNING') {
        const remedy = 'goal FINISH or ONCE, or name it in the steps of deploy and take its resource-set away';
        return invalid(`${path}/goal`, 'is RUNNING, but only steps of plans run this task, to its end', remedy);
      } else if ((task.gpus ?? 0) > 0) {
        return invalid(`${path}/gpus`, 'are for tasks of the pod itself', 'no gpus for what steps of plans run');
      }
    }
    if (own === 0) {
      return invalid(`/pods/${name}/tasks`, 'has none that the pod itself runs', 'one without a resource-set');
    }
  }
  return undefined;
}

function refusalOfSet(
  pod: PodSpec,
  set: string | undefined,
  task: PodSpec['tasks'][string],
  path: string,
): Decision<never> | undefined {
  if (set === undefined) return undefined;
  if (!Object.hasOwn(pod['resource-sets'] ?? {}, set)) {
    const known = Object.keys(pod['resource-sets'] ?? {}).join(', ') || 'there is none yet';
    return invalid(`${path}/resource-set`, `names no resource set of its pod, found ${set}`, `resource-sets: ${known}`);
  }
  for (const field of ['cpus', 'memory', 'disk'] as const) {
    if (task[field] === undefined) continue;
    return invalid(`${path}/${field}`, `is said by the resource set ${set} as well`, 'say it there alone');
  }
  return undefined;
}

/** Who waits for others of its own kind can't be started one after the other. */
export function refusalOfPeers(spec: ServiceSpec): Decision<never> | undefined {
  for (const [name, pod] of Object.entries(spec.pods)) {
    for (const [peer, known] of Object.entries(pod.peers ?? {})) {
      const path = `/pods/${name}/peers/${peer}`;
      const other = Object.hasOwn(spec.pods, peer) ? spec.pods[peer] : undefined;
      if (other === undefined) {
        return invalid(path, 'names no pod of this service', `one of ${Object.keys(spec.pods).join(', ')}`);
      }
      if (known === 'all' && (other.count ?? 1) > PEERS_MAX) {
        const message = `waits for ${other.count} places, at most ${PEERS_MAX} are told`;
        return invalid(path, message, 'peers that are placed, or fewer pods');
      }
      const ports = Object.values(other.tasks).flatMap((task) => Object.keys(task.ports ?? {}));
      const twice = ports.find((port, at) => ports.indexOf(port) !== at);
      if (twice !== undefined) {
        const message = `is told ports by their names, but two tasks of ${peer} have one named ${twice}`;
        return invalid(path, message, 'give each port of these pods a name of its own');
      }
      if (known === 'all' && peer === name && (other.count ?? 1) > 1 && isDeployedInTurn(spec, name)) {
        const message = `waits for all of ${name}, whose deployment places one after the other`;
        return invalid(path, message, `strategy parallel for the phase of ${name} in the plan deploy`);
      }
    }
  }
  return undefined;
}

/** Whether a deployment places the next pod of this type when the one before it is up. */
export function isDeployedInTurn({ pods, plans }: ServiceSpec, pod: string): boolean {
  const phase = Object.values(plans?.['deploy']?.phases ?? {}).find((candidate) => candidate.pod === pod);
  if ((pods[pod]!.gang ?? false) !== false) return false;
  if (phase === undefined) return Object.keys(pods[pod]!.volumes ?? {}).length > 0;
  return (phase.strategy ?? 'serial').startsWith('serial');
}

function invalid(field: string, message: string, remedy: string): Decision<never> {
  return reject('invalid-spec', `${field} ${message}`, { field, remedy });
}
