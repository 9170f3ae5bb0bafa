import type { AgentId, ClusterEvent, ClusterEventOf, ReportMark, Teller } from '@orrery/contracts';
import { unreachable } from '@orrery/kernel';
import { acceptSet } from './evolve-accepted.js';
import {
  dropGrants,
  dropService,
  endLaunches,
  killLaunches,
  loseLaunches,
  markReady,
  run,
  start,
} from './evolve-launches.js';
import { countOnAgent } from './find.js';
import { grantsClosed, grantsClosing, grantsOpened, noteLaunches } from './schedulers.js';
import { LOSS_WINDOW_MS, lossKey, type AgentRow, type ClusterState } from './state.js';

/** Sessions remembered of an agent: more restarts than that while one message is under way are not believable. */
const PAST_SESSIONS_MAX = 8;

/** Believes the journal: total, no clock, no validation. What refers to an unknown row changes nothing. */
export function evolve(state: ClusterState, event: ClusterEvent): void {
  switch (event.type) {
    case 'AgentRegistered':
      return registered(state, event.data);
    case 'AgentReturned':
      return changeAgent(state, event.data.agent, { reachable: true, lapseHeld: false });
    case 'AgentUnreachable':
      return lost(state, event.data);
    case 'AgentDraining':
      return draining(state, event.data);
    case 'DrainDeadlinePassed':
      return dropDeadline(state, event.data.agent, 'DRAINING');
    case 'AgentDrained':
      return dropDeadline(state, event.data.agent, 'DRAINED');
    case 'AgentActivated':
      return dropDeadline(state, event.data.agent, 'ACTIVE');
    case 'AgentGone':
      return gone(state, event.data.agent);
    case 'LapseHeld':
      return changeAgent(state, event.data.agent, { lapseHeld: true });
    case 'LapseDropped':
      return changeAgent(state, event.data.agent, { lapseHeld: false });
    case 'StandDownOrdered':
      return changeAgent(state, event.data.agent, { session: event.data.session });
    case 'SyncOrdered':
      changeAgent(state, event.data.agent, { inventoryAsked: event.data.askInventory });
      return ordered(state, event.data);
    default:
      return evolveTasks(state, event);
  }
}

type AgentEventType = `Agent${string}` | `Lapse${string}` | 'DrainDeadlinePassed' | 'StandDownOrdered' | 'SyncOrdered';
type TaskEvent = Exclude<ClusterEvent, { readonly type: AgentEventType }>;

function evolveTasks(state: ClusterState, event: TaskEvent): void {
  switch (event.type) {
    case 'TemplateKept':
      return templateKept(state, event.data);
    case 'LaunchAccepted':
      acceptSet(state, event.data);
      return noteLaunches(state, event.data);
    case 'LaunchRefused':
      return;
    case 'KillAccepted':
      return killLaunches(state, event.data);
    case 'TasksStarting':
      start(state, event.data.launches);
      return reported(state, event.data);
    case 'TasksRunning':
      run(state, event.data);
      return reported(state, event.data);
    case 'TasksReady':
      markReady(state, event.data.launches, event.data.ready);
      return reported(state, event.data);
    case 'TasksEnded':
      for (const ends of event.data.ends) endLaunches(state, ends);
      return reported(state, event.data);
    case 'TasksLost':
      loseLaunches(state, event.data);
      return doneLosing(state, event.data.agent);
    case 'TasksReportedLate':
    case 'ReportNoted':
      return reported(state, event.data);
    case 'ReportsNoted':
      return noted(state, event.data.reports);
    case 'GrantsForgotten':
      return dropGrants(state, event.data.grants);
    case 'ServiceForgotten':
      return dropService(state, event.data);
    case 'VolumeDestroyAccepted':
      for (const volume of event.data.volumes) state.volumes.put(volume, { agent: event.data.agent });
      return ordered(state, event.data);
    case 'VolumesGone':
      for (const volume of event.data.volumes) state.volumes.delete(volume);
      return;
    case 'StreamOpened':
      return streamOpened(state, event.data);
    case 'GrantsOpened':
      return grantsOpened(state, event.data);
    case 'GrantsClosing':
      return grantsClosing(state, event.data);
    case 'GrantsClosed':
      return grantsClosed(state, event.data);
    default:
      return unreachable(event);
  }
}

// --- Agents ---------------------------------------------------------------------------------------------------------

function registered(state: ClusterState, data: ClusterEventOf<'AgentRegistered'>['data']): void {
  const before = state.agents.get(data.agent);
  const { standing, ...facts } = data;
  const pastSessions = before === undefined ? [] : [...before.pastSessions, before.session].slice(-PAST_SESSIONS_MAX);
  state.agents.put(data.agent, {
    ...facts,
    pastSessions,
    standing: standing ?? 'ACTIVE',
    reachable: true,
    lapseHeld: false,
    inventoryAsked: false,
    losing: false,
    ...(before?.drainDeadline === undefined ? {} : { drainDeadline: before.drainDeadline }),
  });
  state.counters.set('ordered', data.number, 0);
  state.counters.set('reported', data.number, 0);
}

function lost(state: ClusterState, { agent, at, confirmed }: ClusterEventOf<'AgentUnreachable'>['data']): void {
  // What was asked of it before may never be answered: when it is heard again it is asked anew.
  changeAgent(state, agent, { reachable: false, lapseHeld: false, inventoryAsked: false });
  if (confirmed === true) return;
  const passed: string[] = [];
  for (const [key, loss] of state.losses.entries()) {
    if (loss.at > at - LOSS_WINDOW_MS) break;
    passed.push(key);
  }
  for (const key of passed) state.losses.delete(key);
  state.losses.put(lossKey(at, agent), { agent, at });
}

function draining(state: ClusterState, { agent, deadline }: ClusterEventOf<'AgentDraining'>['data']): void {
  changeAgent(state, agent, { standing: 'DRAINING', drainDeadline: deadline });
}

function dropDeadline(state: ClusterState, agent: AgentId, standing: AgentRow['standing']): void {
  const row = state.agents.get(agent);
  if (row === undefined) return;
  const { drainDeadline: _, ...rest } = row;
  state.agents.put(agent, { ...rest, standing });
}

function gone(state: ClusterState, agent: AgentId): void {
  dropDeadline(state, agent, 'GONE');
  changeAgent(state, agent, {
    reachable: false,
    lapseHeld: false,
    inventoryAsked: false,
    losing: countOnAgent(state, agent) > 0,
  });
}

function doneLosing(state: ClusterState, agent: AgentId): void {
  const row = state.agents.get(agent);
  if (row?.losing === true && countOnAgent(state, agent) === 0) {
    changeAgent(state, agent, { losing: false });
  }
}

function reported(state: ClusterState, { agent, epoch, m }: Teller): void {
  const number = agent === undefined ? undefined : state.agents.get(agent)?.number;
  if (number !== undefined) noted(state, [[number, epoch!, m!]]);
}

function noted(state: ClusterState, reports: readonly ReportMark[]): void {
  const draft = state.counters.draft();
  for (const [number, epoch, m] of reports) {
    if (state.agents.epochOf(number) !== epoch || m <= state.counters.reported(number)) continue;
    draft.set('reported', number, m);
  }
  draft.write();
}

function ordered(state: ClusterState, { agent, n }: { readonly agent: AgentId; readonly n: number }): void {
  const row = state.agents.get(agent);
  if (row !== undefined) state.counters.set('ordered', row.number, n);
}

function changeAgent(state: ClusterState, agent: AgentId, change: Partial<AgentRow>): void {
  const row = state.agents.get(agent);
  if (row !== undefined) state.agents.put(agent, { ...row, ...change });
}

// --- Templates and streams --------------------------------------------------------------------------------------------------------

function templateKept(state: ClusterState, { digest, template }: ClusterEventOf<'TemplateKept'>['data']): void {
  state.templates.put(digest, { template, uses: state.templates.get(digest)?.uses ?? 0 });
}

function streamOpened(state: ClusterState, data: ClusterEventOf<'StreamOpened'>['data']): void {
  const { epoch: _, n: __, at, until, ...stream } = data;
  const closed = [...state.streams.entries()].filter(([, row]) => row.untilMs <= at);
  for (const [key] of closed) state.streams.delete(key);
  state.streams.put(data.stream, { ...stream, untilMs: until });
  ordered(state, data);
}
