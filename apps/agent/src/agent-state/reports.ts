import { ordinalOf, seqOf, type AgentReport, type InventoryItem } from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import { ReportBatch, reportDueAt } from '../agent-session.js';
import type { AgentState, LaunchRow, NumberedReport, OutgoingReport, TaskReport } from './agent-state.js';
import type { Turn } from './turn.js';

/**
 * A start that takes longer is told as STARTING first; else its RUNNING says it all. Among many tasks that begin within a
 * second a STARTING for each would double what every reader of the cluster journal has to read.
 */
export const STARTING_DELAY_MS = 1000;
/** The master may have been away when an Inventory came; it is in the log all the same, so this is patience, not need. */
export const INVENTORY_REPEAT_MS = 10_000;

const ITEMS_PER_REPORT_MAX = 1000;

/** One report is under way at a time; the first goes at once, and the busier the agent, the more go together. */
export function makeReports(turn: Turn, at: EpochMs): void {
  const due = nextReportAt(turn.state);
  if (due === undefined || due > at) return;
  makeReport(turn, at);
}

export function nextReportAt(state: AgentState): EpochMs | undefined {
  const nothing = state.pendingTasks.length === 0 && state.pendingVolumes.length === 0;
  if (nothing || state.epoch === 0 || state.outgoing.length > 0 || state.standDown !== undefined) return undefined;
  return reportDueAt(state.pace, state.untoldStarts.size);
}

/** Everything that is told to nobody yet goes under the numbers of the epoch that ends with this process. */
export function makeAllReports(turn: Turn, at: EpochMs): void {
  while (turn.state.pendingTasks.length > 0 || turn.state.pendingVolumes.length > 0) makeReport(turn, at);
}

function makeReport(turn: Turn, at: EpochMs): void {
  const { pendingTasks, pendingVolumes } = turn.state;
  const tasks = Math.min(ITEMS_PER_REPORT_MAX, pendingTasks.length);
  const volumes = tasks > 0 ? 0 : Math.min(ITEMS_PER_REPORT_MAX, pendingVolumes.length);
  turn.record({ type: 'ReportMade', at, tasks, volumes });
  turn.then({ type: 'publish', report: reportOf(turn.state.outgoing.at(-1)!) });
}

/** As the cluster reads it. */
export function reportOf({ tasks, volumes, ...head }: OutgoingReport): NumberedReport {
  if (tasks.length === 0) return { type: 'VolumesDestroyed', ...head, volumes };
  const batch = new ReportBatch();
  for (const task of tasks) tellIn(batch, task);
  return batch.take(head);
}

function tellIn(batch: ReportBatch, task: TaskReport): void {
  const [seq, ordinal] = [seqOf(task.launch), ordinalOf(task.launch)];
  switch (task.state) {
    case 'STARTING':
      return batch.starting(seq, ordinal);
    case 'RUNNING':
      return batch.running(seq, ordinal, task.since, task.pid, task.ready);
    case 'READY':
      return batch.readiness(seq, ordinal, true);
    default: {
      const { launch: _, agentTime, ...end } = task;
      return batch.ended(seq, ordinal, end, agentTime);
    }
  }
}

export function sendInventory(turn: Turn, at: EpochMs): void {
  turn.record({ type: 'InventorySent', at });
  turn.then({ type: 'publish', report: inventoryOf(turn.state) });
}

export function repeatInventory(turn: Turn, at: EpochMs): void {
  const { epoch, standDown, inventorySentAt } = turn.state;
  if (epoch === 0 && standDown === undefined && at >= inventorySentAt + INVENTORY_REPEAT_MS) sendInventory(turn, at);
}

function inventoryOf({ agent, session, epoch, obeyed, made, facts, launches, volumes }: AgentState): AgentReport {
  return {
    type: 'Inventory',
    agent,
    session,
    epoch,
    obeyed,
    m: made,
    launches: [...launches.values()].map(itemOf),
    volumes: [...volumes],
    ...facts!,
  };
}

function itemOf({ launch, state, pid, since, ready, end }: LaunchRow): InventoryItem {
  return {
    launch: launch.launch,
    state,
    ...(pid !== undefined && { pid }),
    ...(since !== undefined && { since }),
    ...(state === 'RUNNING' && { ready }),
    ...(end?.exit !== undefined && { exit: end.exit }),
    ...(end !== undefined && { reason: end.reason }),
    ...(end?.message !== undefined && { message: end.message }),
  };
}
