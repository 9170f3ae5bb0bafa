import { rangesOf, type AgentId, type GrantId, type RequestId } from '@orrery/contracts';
import { podAt, predecessorOf } from './pods.js';
import type { Proposal } from './proposal.js';
import { recipeFor } from './recipe.js';
import type { PodRow, ServiceRow } from './state.js';

/** A pod that wants a place, and what it leaves. */
export interface Wish {
  readonly row: PodRow;
  readonly avoid: readonly AgentId[];
  readonly replaces?: GrantId;
}

/** One request for all pods that want the same, whatever their number. */
export function requestPlaces(proposal: Proposal, service: ServiceRow, wishes: readonly Wish[]): void {
  const alike = new Map<string, Wish[]>();
  for (const wish of wishes) {
    const key = `${wish.row.pod}/${wish.row.recipe}/${wish.row.attempt}/${wish.avoid.join(',')}`;
    const others = alike.get(key);
    if (others === undefined) alike.set(key, [wish]);
    else others.push(wish);
  }
  for (const group of alike.values()) {
    const { row, avoid } = group[0]!;
    const recipe = recipeFor(proposal.state, service, row);
    if (recipe === undefined) continue;
    proposal.emit({
      type: 'PlacementRequested',
      data: {
        request: proposal.context.nextId() as RequestId,
        service: service.name,
        generation: service.generation,
        role: service.role,
        pod: row.pod,
        indexes: rangesOf(group.map((wish) => wish.row.index)),
        needs: recipe.needs,
        constraints: recipe.constraints,
        policy: recipe.policy,
        attempt: row.attempt + 1,
        avoid,
        replaces: group.flatMap((wish) =>
          wish.replaces === undefined ? [] : [{ index: wish.row.index, grant: wish.replaces }],
        ),
      },
    });
  }
}

/** Asks anew for pods whose request leaves out an agent for no good reason any more. */
export function askWithoutAvoiding(proposal: Proposal, service: ServiceRow, rows: readonly PodRow[]): void {
  withdrawWishes(proposal, service, rows);
  const wishes = rows.map(({ pod, index }): Wish => {
    const row = podAt(proposal.state, service.name, pod, index)!;
    const replaces = predecessorOf(proposal.state, row);
    return { row, avoid: [], ...(replaces === undefined ? {} : { replaces }) };
  });
  requestPlaces(proposal, service, wishes);
}

export function withdrawWishes(proposal: Proposal, service: ServiceRow, rows: readonly PodRow[]): void {
  const byRequest = new Map<RequestId, PodRow[]>();
  for (const row of rows) {
    const others = byRequest.get(row.request!);
    if (others === undefined) byRequest.set(row.request!, [row]);
    else others.push(row);
  }
  for (const [request, group] of byRequest) {
    proposal.emit({
      type: 'PlacementWithdrawn',
      data: {
        service: service.name,
        generation: service.generation,
        request,
        pod: group[0]!.pod,
        indexes: rangesOf(group.map((row) => row.index)),
      },
    });
  }
}
