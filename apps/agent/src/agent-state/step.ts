import type { AgentFacts, AgentOrder, LaneOrder, LaunchId, VolumeId } from '@orrery/contracts';
import type { Observation } from '@orrery/runtimes';
import { unreachable, type EpochMs } from '@orrery/kernel';
import type { AgentFact } from './agent-fact.js';
import { isLive, type AgentState } from './agent-state.js';
import { boot } from './boot.js';
import { obey } from './orders.js';
import { makeReports, nextReportAt, repeatInventory, INVENTORY_REPEAT_MS, STARTING_DELAY_MS } from './reports.js';
import { becameReady, becameUnhealthy, began, ended, requestKill } from './tasks.js';
import { Turn, type Effect } from './turn.js';
import { volumesDestroyed } from './volumes.js';

/** What reaches the agent. All time is its own clock's. */
export type AgentInput = { readonly at: EpochMs } & (
  | {
      readonly type: 'boot';
      readonly session: string;
      readonly facts: AgentFacts;
      /** What disk and kernel say about each launch of the checkpoint that had not ended. */
      readonly observed: readonly (readonly [LaunchId, Observation])[];
    }
  | { readonly type: 'order'; readonly order: AgentOrder | LaneOrder }
  | { readonly type: 'observed'; readonly launch: LaunchId; readonly observation: Observation }
  | { readonly type: 'ready'; readonly launch: LaunchId }
  | { readonly type: 'unhealthy'; readonly launch: LaunchId; readonly message: string }
  | { readonly type: 'volumes-destroyed'; readonly volumes: readonly VolumeId[] }
  /** The broker has the report. */
  | { readonly type: 'taken'; readonly epoch: number; readonly m: number }
  | { readonly type: 'leave'; readonly killTasks: boolean }
  | { readonly type: 'tick' }
);

export interface Step {
  readonly facts: readonly AgentFact[];
  readonly effects: readonly Effect[];
}

/**
 * The whole of the agent's judgement: (state, input) → (facts, effects), no clock, no chance, no world. The state has the
 * facts already when it returns; the effects must wait until they are on disk.
 */
export function step(state: AgentState, input: AgentInput): Step {
  const turn = new Turn(state);
  take(turn, input);
  makeReports(turn, input.at);
  finishIfDone(turn);
  return turn;
}

function take(turn: Turn, input: AgentInput): void {
  switch (input.type) {
    case 'boot':
      return boot(turn, input);
    case 'order':
      return obey(turn, input.order, input.at);
    case 'observed':
      return observe(turn, input.launch, input.observation);
    case 'ready':
      return becameReady(turn, input.launch, input.at);
    case 'unhealthy':
      return becameUnhealthy(turn, input.launch, input.message, input.at);
    case 'volumes-destroyed':
      return volumesDestroyed(turn, input.volumes);
    case 'taken':
      return turn.record({ type: 'ReportTaken', epoch: input.epoch, m: input.m });
    case 'leave':
      return leave(turn, input);
    case 'tick':
      return tick(turn, input.at);
    default:
      return unreachable(input);
  }
}

function observe(turn: Turn, launch: LaunchId, observation: Observation): void {
  if (observation.state === 'running') began(turn, launch, observation);
  if (observation.state === 'ended') ended(turn, launch, observation);
}

/** Whoever stops this process waits no longer for it. */
const LEAVE_GRACE_MS_MAX = 20_000;

function leave(turn: Turn, { killTasks, at }: Extract<AgentInput, { type: 'leave' }>): void {
  if (turn.state.leaving) return;
  turn.record({ type: 'Leaving' });
  if (!killTasks) return;
  for (const row of [...turn.state.launches.values()].filter(isLive)) {
    const wanted = turn.state.templates.get(row.kind.templateDigest)?.killGraceMs ?? LEAVE_GRACE_MS_MAX;
    const graceMs = Math.min(LEAVE_GRACE_MS_MAX, wanted);
    requestKill(turn, row, { cause: 'agent-stopped', at, graceMs });
  }
}

function tick(turn: Turn, at: EpochMs): void {
  for (const [launch, orderedAt] of [...turn.state.untoldStarts]) {
    if (orderedAt + STARTING_DELAY_MS <= at) turn.record({ type: 'StartingTold', launch, at: orderedAt });
  }
  repeatInventory(turn, at);
}

function finishIfDone(turn: Turn): void {
  const { leaving, standDown, launches, outgoing, pendingTasks } = turn.state;
  if (!leaving && standDown?.killTasks !== true) return;
  const stopping = [...launches.values()].some(
    (row) => isLive(row) && (row.kill !== undefined || standDown !== undefined),
  );
  if (stopping) return;
  if (standDown?.killTasks === true) return turn.then({ type: 'rejoin' });
  turn.then({ type: 'leave', told: outgoing.length === 0 && pendingTasks.length === 0 });
}

/** When a tick would do something, if nothing else comes before. */
export function nextTickAt(state: AgentState): EpochMs | undefined {
  const moments: EpochMs[] = [];
  for (const orderedAt of state.untoldStarts.values()) moments.push(orderedAt + STARTING_DELAY_MS);
  if (state.epoch === 0 && state.session !== '' && state.standDown === undefined) {
    moments.push(state.inventorySentAt + INVENTORY_REPEAT_MS);
  }
  const reportAt = nextReportAt(state);
  if (reportAt !== undefined) moments.push(reportAt);
  return moments.length === 0 ? undefined : Math.min(...moments);
}
