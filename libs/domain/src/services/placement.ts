import { rangesOf, type AgentId, type GangRef, type GrantId, type Ranges, type RequestId } from '@orrery/contracts';
import { gangNameOf, withTheirGangs } from './gangs.js';
import { podAt, predecessorOf } from './pods.js';
import type { Proposal } from './proposal.js';
import { recipeFor, type Recipe } from './recipe.js';
import { unionOf } from './run-steps.js';
import type { PodRow, ServiceRow } from './state.js';

/** A pod that wants a place, and what it leaves. */
export interface Wish {
  readonly row: PodRow;
  readonly avoid: readonly AgentId[];
  readonly replaces?: GrantId;
  /** It stays on its machine, and wants what it lacks there. */
  readonly resizes?: GrantId;
}

/** Members of runs that never had a place and want one. */
export interface FreshPods {
  readonly pod: string;
  readonly recipe: number;
  readonly ranges: Ranges;
}

interface Alike {
  readonly wish: Pick<PodRow, 'service' | 'pod' | 'recipe' | 'attempt' | 'preemptedBy'>;
  readonly avoid: readonly AgentId[];
  readonly indexes: number[];
  readonly ranges: (readonly [number, number])[];
  readonly replaces: { readonly index: number; readonly grant: GrantId }[];
  readonly resizes: { readonly index: number; readonly grant: GrantId }[];
}

/** One request for all pods that want the same, whatever their number. */
export function requestPlaces(
  proposal: Proposal,
  service: ServiceRow,
  wishes: readonly Wish[],
  fresh: readonly FreshPods[] = [],
): void {
  if (wishes.length === 0 && fresh.length === 0) return;
  const alike = new Map<string, Alike>();
  const groupOf = (wish: Alike['wish'], avoid: readonly AgentId[], stays = false) => {
    const key = `${wish.pod}/${wish.recipe}/${wish.attempt}/${avoid.join(',')}/${wish.preemptedBy?.request}/${stays}`;
    const known = alike.get(key) ?? { wish, avoid, indexes: [], ranges: [], replaces: [], resizes: [] };
    alike.set(key, known);
    return known;
  };
  for (const { row, avoid, replaces, resizes } of wishes) {
    const group = groupOf(row, avoid, resizes !== undefined);
    group.indexes.push(row.index);
    if (replaces !== undefined) group.replaces.push({ index: row.index, grant: replaces });
    if (resizes !== undefined) group.resizes.push({ index: row.index, grant: resizes });
  }
  for (const { pod, recipe, ranges } of fresh) {
    groupOf({ service: service.name, pod, recipe, attempt: 0 }, []).ranges.push(...ranges);
  }
  const groups = Array.from(alike.values()).flatMap((group): Asked[] => {
    const recipe = recipeFor(proposal.state, service, group.wish);
    if (recipe === undefined) return [];
    const gang = group.resizes.length > 0 ? undefined : gangNameOf(recipe.gang, group.wish.pod);
    return [{ ...group, recipe, ...(gang === undefined ? {} : { gang }) }];
  });
  const firsts = new Map<string, RequestId>();
  for (const [at, group] of groups.entries()) {
    const request = proposal.context.nextId() as RequestId;
    const { gang } = group;
    if (gang !== undefined && !firsts.has(gang)) firsts.set(gang, request);
    const more = groups.slice(at + 1).some((other) => other.gang === gang) ? { more: true as const } : {};
    requestAlike(
      proposal,
      service,
      request,
      group,
      gang === undefined ? undefined : { id: firsts.get(gang)!, ...more },
    );
  }
}

/** What is asked for in one request, and the gang of which it is a part. */
interface Asked extends Alike {
  readonly recipe: Recipe;
  readonly gang?: string;
}

function requestAlike(
  proposal: Proposal,
  service: ServiceRow,
  request: RequestId,
  { wish, avoid, indexes, ranges, replaces, resizes, recipe }: Asked,
  gang: GangRef | undefined,
): void {
  const { needs, constraints, policy, preferences, ranked } = recipe;
  const made = wish.preemptedBy === undefined ? {} : { preemptedBy: wish.preemptedBy };
  proposal.emit({
    type: 'PlacementRequested',
    data: {
      request,
      service: service.name,
      generation: service.generation,
      role: service.role,
      pod: wish.pod,
      indexes: unionOf([...rangesOf(indexes), ...ranges]),
      needs,
      constraints,
      policy,
      ...ranked,
      ...made,
      attempt: wish.attempt + 1,
      avoid,
      replaces,
      ...(resizes.length === 0 ? {} : { resizes }),
      ...(gang === undefined ? {} : { gang }),
      ...(preferences === undefined ? {} : { preferences }),
    },
  });
}

/** Asks anew for pods whose request leaves out an agent for no good reason any more. */
export function askWithoutAvoiding(proposal: Proposal, service: ServiceRow, rows: readonly PodRow[]): void {
  if (rows.length === 0) return;
  const all = withTheirGangs(proposal.state, service, rows);
  withdrawWishes(proposal, service, all);
  const wishes = all.map(({ pod, index }): Wish => {
    const row = podAt(proposal.state, service.name, pod, index)!;
    const replaces = predecessorOf(proposal.state, row);
    return { row, avoid: [], ...(replaces === undefined ? {} : { replaces }) };
  });
  requestPlaces(proposal, service, wishes);
}

/** `requestOf`: which of the requests of a pod is meant; for a place unless it says otherwise. */
export function withdrawWishes(
  proposal: Proposal,
  service: ServiceRow,
  rows: readonly PodRow[],
  requestOf = (row: PodRow) => row.request!,
): void {
  if (rows.length === 0) return;
  const byRequest = new Map<RequestId, PodRow[]>();
  for (const row of rows) {
    const request = requestOf(row);
    const others = byRequest.get(request);
    if (others === undefined) byRequest.set(request, [row]);
    else others.push(row);
  }
  for (const [request, group] of byRequest) {
    withdraw(proposal, service, request, group[0]!.pod, rangesOf(group.map((row) => row.index)));
  }
}

export function withdraw(
  proposal: Proposal,
  { name, generation }: ServiceRow,
  request: RequestId,
  pod: string,
  indexes: Ranges,
): void {
  proposal.emit({ type: 'PlacementWithdrawn', data: { service: name, generation, request, pod, indexes } });
}
