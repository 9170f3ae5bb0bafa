import type { AgentId, ClusterEvent } from '@orrery/contracts';
import { accept, type Decision } from '@orrery/kernel';
import type { AgentRow, ClusterState } from './state.js';

/** The order that tells an agent everything; what it says is made from the state when it is sent. */
export function syncOf(
  state: ClusterState,
  { agent, epoch, number }: Pick<AgentRow, 'agent' | 'epoch' | 'number'>,
  reason: string,
  askInventory: boolean,
): ClusterEvent {
  return { type: 'SyncOrdered', data: { agent, epoch, n: nextOrder(state, number), reason, askInventory } };
}

/** The first order of a registration. */
export function firstSync(agent: AgentId, epoch: number, askInventory: boolean): ClusterEvent {
  return { type: 'SyncOrdered', data: { agent, epoch, n: 1, reason: 'registered', askInventory } };
}

/** The number of the next order to an agent; a decision makes at most one that says it. */
export function nextOrder(state: ClusterState, agent: number): number {
  return state.counters.ordered(agent) + 1;
}

/** Orders were lost on the way, or their sender died before it sent them: the agent is told everything at once. */
export function syncBehind(
  { agent, epoch, obeyed }: { readonly agent: AgentId; readonly epoch: number; readonly obeyed: number },
  state: ClusterState,
): Decision<ClusterEvent> {
  const row = state.agents.get(agent);
  if (row === undefined || row.standing === 'GONE' || row.epoch !== epoch) return accept();
  if (obeyed >= state.counters.ordered(row.number)) return accept();
  return accept(syncOf(state, row, 'obeyed-behind', row.inventoryAsked || !row.reachable));
}
