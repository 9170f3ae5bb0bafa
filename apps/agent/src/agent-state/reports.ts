import type { AgentReport, InventoryItem } from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import type { AgentState, LaunchRow } from './agent-state.js';
import type { Turn } from './turn.js';

/** A start that takes longer is told as STARTING first; else its RUNNING says it all. */
export const STARTING_DELAY_MS = 100;
/** The master may have been away when an Inventory came; it is in the log all the same, so this is patience, not need. */
export const INVENTORY_REPEAT_MS = 10_000;

const ITEMS_PER_REPORT_MAX = 1000;
const REPORT_GAP_MS_MIN = 10;
const REPORT_GAP_MS_MAX = 200;

/** One report is under way at a time; the first goes at once, and the busier the agent, the more go together. */
export function makeReports(turn: Turn, at: EpochMs): void {
  const due = nextReportAt(turn.state);
  if (due === undefined || due > at) return;
  makeReport(turn, at);
}

export function nextReportAt(state: AgentState): EpochMs | undefined {
  const nothing = state.pendingTasks.length === 0 && state.pendingVolumes.length === 0;
  if (nothing || state.epoch === 0 || state.outgoing.length > 0 || state.standDown !== undefined) return undefined;
  return state.lastReport.at + Math.min(REPORT_GAP_MS_MAX, REPORT_GAP_MS_MIN + state.lastReport.items);
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
  turn.then({ type: 'publish', report: turn.state.outgoing.at(-1)! });
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
