import { reject, type Decision } from '@orrery/kernel';
import type { ServiceSpec } from '@orrery/contracts';
import { mayGoBeside, nextOf } from './constraints.js';
import { gangNameOf } from './gangs.js';
import { orderOf } from './plan.js';
import { isDeployedInTurn } from './spec-plans.js';

/**
 * A pod that may go only where another one is, or starts only when all its peers have places, can't come before them where one
 * phase of the deployment follows the other: it would wait for what waits for it.
 */
export function refusalOfOrder(spec: ServiceSpec): Decision<never> | undefined {
  const has = (pod: string) => spec.pods[pod]?.count !== 0;
  const late = refusalIn(spec, 'deploy', { begins: has, lacksAll: has, lacksSome: has });
  return late ?? refusalOfWaitingForEachOther(spec);
}

/** The same of an update, which begins with what is there. */
export function refusalOfUpdateOrder(before: ServiceSpec, after: ServiceSpec): Decision<never> | undefined {
  const grows = (pod: string) => countIn(after, pod) > countIn(before, pod);
  const isNew = (pod: string) => countIn(before, pod) === 0 && countIn(after, pod) > 0;
  return refusalIn(after, 'update', { begins: grows, lacksAll: isNew, lacksSome: grows });
}

/** Of pod types, before their phase. */
interface Beginnings {
  /** Some of its pods are to be placed and started for the first time. */
  readonly begins: (pod: string) => boolean;
  /** None of its pods has a place. */
  readonly lacksAll: (pod: string) => boolean;
  /** Not all of its pods have places. */
  readonly lacksSome: (pod: string) => boolean;
}

function refusalIn(
  spec: ServiceSpec,
  plan: 'deploy' | 'update',
  { begins, lacksAll, lacksSome }: Beginnings,
): Decision<never> | undefined {
  for (const [at, name] of orderOf(spec, plan)?.entries() ?? []) {
    if (!begins(name)) continue;
    const gang = gangNameOf(spec.pods[name]?.gang, name);
    const isTogether = (peer: string) => gang !== undefined && gangNameOf(spec.pods[peer]?.gang, peer) === gang;
    const comesLater = (peer: string) => orderOf(spec, plan)!.indexOf(peer) > at && !isTogether(peer);
    const peer = peersOfAll(spec, name).find((other) => lacksSome(other) && comesLater(other));
    if (peer !== undefined) return tooEarly(name, peer, `/pods/${name}/peers/${peer}`, 'starts when all of', plan);
    const isMissing = (other: string) => lacksAll(other) && comesLater(other);
    if (mayGoBeside(spec, name, (other) => !isMissing(other))) continue;
    const next = nextOf(spec, name).find(isMissing)!;
    return tooEarly(name, next, `/pods/${name}/placement`, 'goes only where', plan);
  }
  return undefined;
}

function tooEarly(name: string, peer: string, field: string, what: string, plan: string): Decision<never> {
  const message = `${field} can never hold: ${name} ${what} ${peer} have places, and they get theirs in a later phase`;
  const remedy = `in the plan ${plan}: the phase of ${peer} before that of ${name}, or strategy: parallel for the plan`;
  return reject('waits-for-later-phase', message, { field, remedy });
}

/**
 * Pods that are brought up one after the other have places only when those before them are up. Where two types do so and each
 * waits for all of the other, the first of either waits for ever, even in phases that go on together.
 */
function refusalOfWaitingForEachOther(spec: ServiceSpec): Decision<never> | undefined {
  const isInTurn = (pod: string) => (spec.pods[pod]?.count ?? 1) > 1 && isDeployedInTurn(spec, pod);
  const awaited = (pod: string) => peersOfAll(spec, pod).filter((peer) => peer !== pod && isInTurn(peer));
  for (const first of Object.keys(spec.pods).filter(isInTurn)) {
    for (const peer of awaited(first)) {
      if (!leadsTo(peer, first, awaited)) continue;
      const field = `/pods/${first}/peers/${peer}`;
      const message = `${field} can never hold: ${first} and ${peer} are brought up one after the other, and each starts when all of the other have places`;
      const remedy = `in the plan deploy: strategy parallel for the phase of ${first} or of ${peer}; or peers that are placed`;
      return reject('wait-for-each-other', message, { field, remedy });
    }
  }
  return undefined;
}

function leadsTo(from: string, to: string, next: (pod: string) => readonly string[]): boolean {
  const seen = new Set([from]);
  for (const pod of seen) {
    if (pod === to) return true;
    for (const other of next(pod)) seen.add(other);
  }
  return false;
}

function peersOfAll(spec: ServiceSpec, pod: string): string[] {
  return Object.entries(spec.pods[pod]?.peers ?? {}).flatMap(([peer, known]) => (known === 'all' ? [peer] : []));
}

function countIn(spec: ServiceSpec, pod: string): number {
  return spec.pods[pod]?.count ?? 0;
}
