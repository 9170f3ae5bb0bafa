import type { AgentId, ClusterEvent, ClusterEventOf, Launch, LaunchId, TaskEnd, TaskReport } from '@orrery/contracts';
import { unreachable, type EpochMs } from '@orrery/kernel';
import {
  isLive,
  endedOfService,
  launchesOfTask,
  LOSS_WINDOW_MS,
  lossKey,
  type AgentRow,
  type ClusterState,
  type LaunchPhase,
  type LaunchRow,
} from './state.js';

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
      return changeAgent(state, event.data.agent, {
        ordered: event.data.n,
        inventoryAsked: event.data.askInventory,
      });
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
      return launchAccepted(state, event.data);
    case 'LaunchRefused':
      return;
    case 'KillAccepted':
      return killAccepted(state, event.data);
    case 'TasksStarting':
      for (const { launch } of event.data.tasks) starting(state, launch);
      return reported(state, event.data);
    case 'TasksRunning':
      for (const { launch, pid, since } of event.data.tasks) running(state, launch, pid, since);
      return reported(state, event.data);
    case 'TasksReady':
      for (const { launch, ready } of event.data.tasks) readiness(state, launch, ready);
      return reported(state, event.data);
    case 'TasksEnded':
      for (const task of event.data.tasks) ended(state, task);
      return reported(state, event.data);
    case 'TasksLost':
      for (const launch of event.data.launches) ended(state, { launch, state: 'LOST', reason: event.data.reason });
      return doneLosing(state, event.data.agent);
    case 'TasksReportedLate':
    case 'ReportNoted':
      return reported(state, event.data);
    case 'GrantsForgotten':
      for (const grant of event.data.grants) forget(state, state.launches.keysBy('endedOf', grant));
      return;
    case 'ServiceForgotten':
      return forget(state, endedOfService(state, event.data));
    case 'VolumeDestroyAccepted':
      for (const volume of event.data.volumes) state.volumes.put(volume, { agent: event.data.agent });
      return changeAgent(state, event.data.agent, { ordered: event.data.n });
    case 'VolumesGone':
      for (const volume of event.data.volumes) state.volumes.delete(volume);
      return;
    case 'StreamOpened':
      return streamOpened(state, event.data);
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
    ordered: 0,
    reported: 0,
    losing: false,
    ...(before?.drainDeadline === undefined ? {} : { drainDeadline: before.drainDeadline }),
  });
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
    losing: state.launches.countBy('liveOn', agent) > 0,
  });
}

function doneLosing(state: ClusterState, agent: AgentId): void {
  const row = state.agents.get(agent);
  if (row?.losing === true && state.launches.countBy('liveOn', agent) === 0) {
    changeAgent(state, agent, { losing: false });
  }
}

function reported(state: ClusterState, { agent, epoch, m }: Pick<TaskReport<never>, 'agent' | 'epoch' | 'm'>): void {
  const row = state.agents.get(agent);
  if (row !== undefined && row.epoch === epoch && m > row.reported) state.agents.put(agent, { ...row, reported: m });
}

function changeAgent(state: ClusterState, agent: AgentId, change: Partial<AgentRow>): void {
  const row = state.agents.get(agent);
  if (row !== undefined) state.agents.put(agent, { ...row, ...change });
}

// --- Launches -------------------------------------------------------------------------------------------------------

function templateKept(state: ClusterState, { digest, template }: ClusterEventOf<'TemplateKept'>['data']): void {
  state.templates.put(digest, { template, uses: state.templates.get(digest)?.uses ?? 0 });
}

function launchAccepted(state: ClusterState, data: ClusterEventOf<'LaunchAccepted'>['data']): void {
  for (const launch of data.launches) {
    const row = stagedRow(data, launch);
    if (launch.incarnation > 1) dropEndedBefore(state, row);
    state.launches.put(launch.launch, row);
  }
  countUses(state, data.templateDigest, data.launches.length);
  changeAgent(state, data.agent, { ordered: data.n });
}

const NO_PORTS = {};
const NOTHING: readonly never[] = [];

/** Field by field, and what is empty shared: there are as many of these as tasks. */
function stagedRow(set: ClusterEventOf<'LaunchAccepted'>['data'], launch: Launch): LaunchRow {
  return {
    launch: launch.launch,
    service: set.service,
    generation: set.generation,
    version: set.version,
    pod: set.pod,
    index: launch.index,
    task: set.task,
    incarnation: launch.incarnation,
    agent: set.agent,
    grant: launch.grant,
    templateDigest: set.templateDigest,
    ports: Object.keys(launch.ports).length === 0 ? NO_PORTS : launch.ports,
    gpuIds: launch.gpuIds.length === 0 ? NOTHING : launch.gpuIds,
    volumes: launch.volumes.length === 0 ? NOTHING : launch.volumes,
    phase: 'STAGING',
    unwanted: false,
    final: false,
    since: set.at,
    ready: false,
  };
}

/** What is known of an ended incarnation stays visible until the next one takes its place. */
function dropEndedBefore(state: ClusterState, row: LaunchRow): void {
  const before = [...launchesOfTask(state, row)].filter((other) => !isLive(other) && isOlder(other, row));
  for (const { launch } of before) state.launches.delete(launch);
}

function isOlder(left: LaunchRow, right: LaunchRow): boolean {
  return left.generation === right.generation
    ? left.incarnation < right.incarnation
    : left.generation < right.generation;
}

function killAccepted(state: ClusterState, data: ClusterEventOf<'KillAccepted'>['data']): void {
  for (const launch of data.launches) {
    const row = state.launches.get(launch);
    if (row === undefined || !isLive(row)) continue;
    state.launches.put(launch, { ...row, unwanted: true, final: row.final || data.final === true });
  }
  changeAgent(state, data.agent, { ordered: data.n });
}

const PROGRESS: Readonly<Record<'STAGING' | 'STARTING' | 'RUNNING', number>> = { STAGING: 0, STARTING: 1, RUNNING: 2 };

function starting(state: ClusterState, launch: LaunchId): void {
  const row = state.launches.get(launch);
  if (row !== undefined && canAdvance(row.phase, 'STARTING')) state.launches.put(launch, { ...row, phase: 'STARTING' });
}

function running(state: ClusterState, launch: LaunchId, pid: number, since: EpochMs): void {
  const row = state.launches.get(launch);
  if (row === undefined || !canAdvance(row.phase, 'RUNNING')) return;
  state.launches.put(launch, { ...row, phase: 'RUNNING', since, pid });
}

/** Phases only rise, and an end is for ever. */
export function canAdvance(from: LaunchPhase, to: 'STARTING' | 'RUNNING'): boolean {
  return (from === 'STAGING' || from === 'STARTING' || from === 'RUNNING') && PROGRESS[from] < PROGRESS[to];
}

function readiness(state: ClusterState, launch: LaunchId, ready: boolean): void {
  const row = state.launches.get(launch);
  if (row !== undefined && isLive(row)) state.launches.put(launch, { ...row, ready });
}

function ended(state: ClusterState, end: TaskEnd): void {
  const row = state.launches.get(end.launch);
  if (row === undefined || !isLive(row)) return;
  countUses(state, row.templateDigest, -1);
  if (row.final || hasNewer(state, row)) return state.launches.delete(end.launch);
  const { pid: _, ...rest } = row;
  state.launches.put(end.launch, {
    ...rest,
    phase: end.state,
    ready: false,
    reason: end.reason,
    ...(end.exit === undefined ? {} : { exit: end.exit }),
    ...(end.message === undefined ? {} : { message: end.message }),
  });
}

function hasNewer(state: ClusterState, row: LaunchRow): boolean {
  for (const other of launchesOfTask(state, row)) if (isOlder(row, other)) return true;
  return false;
}

function forget(state: ClusterState, launches: Iterable<LaunchId>): void {
  for (const launch of [...launches]) state.launches.delete(launch);
}

function countUses(state: ClusterState, digest: string, change: number): void {
  const row = state.templates.get(digest);
  if (row === undefined) return;
  const uses = row.uses + change;
  if (uses > 0) state.templates.put(digest, { ...row, uses });
  else state.templates.delete(digest);
}

// --- Streams --------------------------------------------------------------------------------------------------------

function streamOpened(state: ClusterState, data: ClusterEventOf<'StreamOpened'>['data']): void {
  const { epoch: _, n, at, until, ...stream } = data;
  const closed = [...state.streams.entries()].filter(([, row]) => row.untilMs <= at);
  for (const [key] of closed) state.streams.delete(key);
  state.streams.put(data.stream, { ...stream, untilMs: until });
  changeAgent(state, data.agent, { ordered: n });
}
