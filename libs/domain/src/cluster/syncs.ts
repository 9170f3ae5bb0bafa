import type { AgentId, ClusterEvent } from '@orrery/contracts';
import { accept, type Decision } from '@orrery/kernel';
import type { AgentRow, ClusterState } from './state.js';

/** The order that tells an agent everything; what it says is made from the state when it is sent. */
export function syncOf(
  { agent, epoch }: Pick<AgentRow, 'agent' | 'epoch'>,
  n: number,
  reason: string,
  askInventory: boolean,
): ClusterEvent {
  return { type: 'SyncOrdered', data: { agent, epoch, n, reason, askInventory } };
}

/** Orders were lost on the way, or their sender died before it sent them: the agent is told everything at once. */
export function syncBehind(
  { agent, epoch, obeyed }: { readonly agent: AgentId; readonly epoch: number; readonly obeyed: number },
  state: ClusterState,
): Decision<ClusterEvent> {
  const row = state.agents.get(agent);
  if (row === undefined || row.standing === 'GONE' || row.epoch !== epoch || obeyed >= row.ordered) return accept();
  return accept(syncOf(row, row.ordered + 1, 'obeyed-behind', row.inventoryAsked || !row.reachable));
}
