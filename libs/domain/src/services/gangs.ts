import { reject, type Decision } from '@orrery/kernel';
import { gangSizeMax, PRIORITY_DEFAULT, type PodSpec, type ServiceSpec } from '@orrery/contracts';
import { podAt } from './pods.js';
import { recipeOf } from './recipe.js';
import type { PodRow, ServiceRow, ServicesRows } from './state.js';
import { targetSpec, wantedCount } from './wanted.js';

/** The gang that pods of this type belong to; `true` is one of them alone, named like them, unless others name it. */
export function gangNameOf(gang: PodSpec['gang'], pod: string): string | undefined {
  if (gang === undefined || gang === false) return undefined;
  return gang === true ? pod : gang;
}

/** Pod types of this gang, in the order of the spec. */
export function podsOfGang({ pods }: ServiceSpec, gang: string): string[] {
  return Object.entries(pods).flatMap(([pod, spec]) => (gangNameOf(spec.gang, pod) === gang ? [pod] : []));
}

/** These pods, and all others of their gangs that wait for a place: who asks anew asks with them, or they would be torn apart. */
export function withTheirGangs(state: ServicesRows, service: ServiceRow, rows: readonly PodRow[]): PodRow[] {
  const { pods } = targetSpec(state, service);
  const gangs = new Set(rows.flatMap(({ pod }) => gangNameOf(pods[pod]?.gang, pod) ?? []));
  if (gangs.size === 0) return [...rows];
  const known = new Set(rows.map(({ pod, index }) => `${pod}-${index}`));
  const others = Object.keys(pods).flatMap((pod) => {
    const gang = gangNameOf(pods[pod]!.gang, pod);
    if (gang === undefined || !gangs.has(gang)) return [];
    const count = wantedCount(state, service, pod);
    const waiting = Array.from({ length: count }, (_, index) => podAt(state, service.name, pod, index));
    return waiting.filter((row) => row !== undefined).filter(isWaiting);
  });
  return [...rows, ...others.filter(({ pod, index }) => !known.has(`${pod}-${index}`))];
}

function isWaiting({ status, request }: PodRow): boolean {
  return status === 'placing' && request !== undefined;
}

/** Its pods get their places in one commit, so all of them are asked for at once, and come in one turn. */
export function refusalOfGang(spec: ServiceSpec, name: string, pod: PodSpec): Decision<never> | undefined {
  const gang = gangNameOf(pod.gang, name);
  if (gang === undefined) return undefined;
  const others = podsOfGang(spec, gang).filter((other) => other !== name);
  const besides = others.map((other) => ({ needs: recipeOf(spec, other)!.needs, count: spec.pods[other]!.count ?? 1 }));
  const most = gangSizeMax(recipeOf(spec, name)!.needs, besides);
  if (pod.count! > most) {
    const rest = others.length === 0 ? '' : ` with ${others.join(' and ')}`;
    const message = `is ${pod.count}, and ${most} such pods can be placed all at once${rest}`;
    return invalid(`/pods/${name}/count`, message, 'fewer pods, or no gang');
  }
  return refusalOfRank(spec, name, gang, others) ?? refusalOfStrategies(spec, name, gang, others);
}

/** All of it comes in one turn. */
function refusalOfRank(
  spec: ServiceSpec,
  name: string,
  gang: string,
  others: readonly string[],
): Decision<never> | undefined {
  const own = spec.pods[name]!;
  const priorityOf = (pod: PodSpec) => pod.priority ?? spec.priority ?? PRIORITY_DEFAULT;
  for (const other of others) {
    const theirs = spec.pods[other]!;
    if (priorityOf(theirs) !== priorityOf(own)) {
      const message = `is ${priorityOf(own)}, and ${other} of the same gang ${gang} has ${priorityOf(theirs)}`;
      return invalid(`/pods/${name}/priority`, message, 'the same priority for all pods of a gang');
    }
    if ((theirs.revocable === true) !== (own.revocable === true)) {
      const message = `is ${own.revocable === true}, and it is not for ${other} of the same gang ${gang}`;
      return invalid(`/pods/${name}/revocable`, message, 'the same for all pods of a gang');
    }
  }
  return undefined;
}

function refusalOfStrategies(
  spec: ServiceSpec,
  name: string,
  gang: string,
  others: readonly string[],
): Decision<never> | undefined {
  for (const [plan, { phases, strategy: inAll }] of Object.entries(spec.plans ?? {})) {
    if (others.length > 0 && (plan === 'deploy' || plan === 'update') && inAll?.endsWith('canary') === true) {
      const message = `is ${inAll}, and the phases of ${[name, ...others].join(' and ')} begin together: they are the gang ${gang}`;
      return invalid(`/plans/${plan}/strategy`, message, 'serial or parallel');
    }
    for (const [phase, { pod: of, strategy, steps }] of Object.entries(phases))
      if (of === name && (plan === 'deploy' || steps === undefined) && (strategy ?? 'parallel') !== 'parallel')
        return invalid(`/plans/${plan}/phases/${phase}/strategy`, `is ${strategy}, and ${name} is a gang`, 'parallel');
  }
  return undefined;
}

function invalid(field: string, message: string, remedy: string): Decision<never> {
  return reject('invalid-spec', `${field} ${message}`, { field, remedy });
}
