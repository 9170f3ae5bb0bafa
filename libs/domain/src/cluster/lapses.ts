import type { AgentId, ClusterCommand, ClusterEvent } from '@orrery/contracts';
import { accept, reject, type Decision, type DecisionContext, type EpochMs } from '@orrery/kernel';
import { nameOf, unknownAgent } from './agents.js';
import { LOSS_WINDOW_MS, type AgentRow, type ClusterState } from './state.js';
import { syncOf } from './syncs.js';

const LOSSES_A_MINUTE_MIN = 2;
const LOSSES_A_MINUTE_SHARE = 0.05;

/** P7: so many agents may be declared lost within a minute without a word of the operator. */
export function lossBudget(state: ClusterState): number {
  return Math.max(LOSSES_A_MINUTE_MIN, Math.floor(state.agents.countBy('known', 'yes') * LOSSES_A_MINUTE_SHARE));
}

export function lapse(
  { agent, epoch }: { readonly agent: AgentId; readonly epoch: number },
  state: ClusterState,
  { at }: DecisionContext,
): Decision<ClusterEvent> {
  const row = state.agents.get(agent);
  if (row === undefined || row.standing === 'GONE' || row.epoch !== epoch) return accept();
  if (!row.reachable || row.lapseHeld) return accept();
  if (lossesBefore(state, at) >= lossBudget(state)) return accept({ type: 'LapseHeld', data: nameOf(row) });
  return accept({ type: 'AgentUnreachable', data: { ...nameOf(row), at } });
}

/** Lets held lapses through as far as the budget has refilled. */
export function releaseHeldLapses(state: ClusterState, { at }: DecisionContext): ClusterEvent[] {
  const events: ClusterEvent[] = [];
  let left = lossBudget(state) - lossesBefore(state, at);
  for (const [, row] of state.agents.by('held', 'yes')) {
    if (left <= 0) break;
    left -= 1;
    events.push({ type: 'AgentUnreachable', data: { ...nameOf(row), at } });
  }
  return events;
}

export function confirmLapse(
  { agent }: Extract<ClusterCommand, { type: 'ConfirmLapse' }>['body'],
  state: ClusterState,
  { at }: DecisionContext,
): Decision<ClusterEvent> {
  const row = state.agents.get(agent);
  if (row === undefined) return unknownAgent(agent);
  if (!row.lapseHeld) return reject('agent-state', `no lapse of ${agent} is held back`, { field: '/agent' });
  return accept({ type: 'AgentUnreachable', data: { ...nameOf(row), at, confirmed: true } });
}

/** A heartbeat alone revives nobody: a lost agent is asked what it has; a held lapse is forgotten, since nothing was lost. */
export function heardAgain(
  { agent, epoch }: { readonly agent: AgentId; readonly epoch: number },
  state: ClusterState,
): Decision<ClusterEvent> {
  const row = state.agents.get(agent);
  if (row === undefined || row.standing === 'GONE' || row.epoch !== epoch) return accept();
  if (row.lapseHeld) return accept(lapseDropped(row));
  if (row.reachable || row.inventoryAsked) return accept();
  return accept(syncOf(state, row, 'heard-again', true));
}

export function lapseDropped(row: AgentRow): ClusterEvent {
  return { type: 'LapseDropped', data: nameOf(row) };
}

/** When the next held lapse may go through, if any is held. */
export function nextRefill(state: ClusterState): EpochMs | undefined {
  if (state.agents.countBy('held', 'yes') === 0) return undefined;
  const times = [...state.losses.values()].map(({ at }) => at);
  const oldestThatBlocks = times[times.length - lossBudget(state)];
  return oldestThatBlocks === undefined ? 0 : oldestThatBlocks + LOSS_WINDOW_MS;
}

function lossesBefore(state: ClusterState, now: EpochMs): number {
  let count = 0;
  for (const { at } of state.losses.values()) if (at > now - LOSS_WINDOW_MS) count += 1;
  return count;
}
