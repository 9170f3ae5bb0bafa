import type { AgentFacts, LaunchId, TaskTemplate, VolumeId } from '@orrery/contracts';
import { unreachable, type EpochMs } from '@orrery/kernel';
import { paceAfter } from '../agent-session.js';
import {
  type AgentState,
  type End,
  type Kill,
  type Launch,
  type LaunchKind,
  type LaunchRow,
  type OutgoingReport,
  type TaskReport,
  type TerminalState,
} from './agent-state.js';

/** What happened to this agent, in the order of its checkpoint. */
export type AgentFact =
  | { readonly type: 'Booted'; readonly session: string; readonly facts: AgentFacts }
  | { readonly type: 'InventorySent'; readonly at: EpochMs }
  /** The answer of the cluster: which registration this session is, and where its orders go on. */
  | {
      readonly type: 'Registered';
      readonly journalId: string;
      readonly number: number;
      readonly epoch: number;
      readonly n: number;
    }
  | { readonly type: 'Obeyed'; readonly n: number }
  | { readonly type: 'StoodDown'; readonly reason: string; readonly killTasks: boolean }
  | { readonly type: 'Leaving' }
  | { readonly type: 'TemplateKept'; readonly digest: string; readonly template: TaskTemplate }
  | { readonly type: 'LaunchOrdered'; readonly at: EpochMs; readonly launch: Launch; readonly kind: LaunchKind }
  /** A Sync wants it: it may begin. */
  | { readonly type: 'LaunchFreed'; readonly at: EpochMs; readonly launch: LaunchId }
  | { readonly type: 'StartingTold'; readonly launch: LaunchId; readonly at: EpochMs }
  | {
      readonly type: 'TaskBegan';
      readonly launch: LaunchId;
      readonly pid: number;
      readonly since: EpochMs;
      readonly ready: boolean;
    }
  | { readonly type: 'TaskBecameReady'; readonly launch: LaunchId; readonly at: EpochMs }
  | { readonly type: 'KillRequested'; readonly launch: LaunchId; readonly kill: Kill }
  | { readonly type: 'TaskEnded'; readonly launch: LaunchId; readonly state: TerminalState; readonly end: End }
  /** Told once more, since the cluster does not seem to know. */
  | { readonly type: 'EndRepeated'; readonly launch: LaunchId }
  /** Killed by an order without ever having been here; there is nothing to keep. */
  | { readonly type: 'UnknownKilled'; readonly launch: LaunchId; readonly at: EpochMs }
  | { readonly type: 'LaunchesForgotten'; readonly launches: readonly LaunchId[] }
  | { readonly type: 'VolumesDoomed'; readonly volumes: readonly VolumeId[] }
  | { readonly type: 'VolumesDestroyed'; readonly volumes: readonly VolumeId[] }
  /** The oldest pending items got a number. */
  | { readonly type: 'ReportMade'; readonly at: EpochMs; readonly tasks: number; readonly volumes: number }
  | { readonly type: 'ReportTaken'; readonly epoch: number; readonly m: number };

/** Beyond it, what is told of a launch that has ended since shrinks to its end. */
const PENDING_MAX = 10_000;

/** The only code that changes the state; believes every fact. */
export function evolve(state: AgentState, fact: AgentFact): void {
  switch (fact.type) {
    case 'Booted':
      return boot(state, fact);
    case 'InventorySent':
      return void (state.inventorySentAt = fact.at);
    case 'Registered':
      return register(state, fact);
    case 'Obeyed':
      return void (state.obeyed = fact.n);
    case 'StoodDown':
      return void (state.standDown = { reason: fact.reason, killTasks: fact.killTasks });
    case 'Leaving':
      return void (state.leaving = true);
    case 'TemplateKept':
      return void state.templates.set(fact.digest, fact.template);
    case 'LaunchOrdered':
      return order(state, fact);
    case 'LaunchFreed':
      state.untoldStarts.set(fact.launch, fact.at);
      return change(state, fact.launch, { held: false });
    case 'StartingTold':
      state.untoldStarts.delete(fact.launch);
      return tell(state, { launch: fact.launch, state: 'STARTING' });
    case 'TaskBegan':
      return began(state, fact);
    case 'TaskBecameReady':
      change(state, fact.launch, { ready: true });
      return tell(state, { launch: fact.launch, state: 'READY' });
    case 'KillRequested':
      return change(state, fact.launch, { kill: fact.kill });
    case 'TaskEnded':
      state.untoldStarts.delete(fact.launch);
      change(state, fact.launch, { state: fact.state, held: false, end: fact.end });
      return tellEnd(state, state.launches.get(fact.launch)!);
    case 'EndRepeated':
      return tellEnd(state, state.launches.get(fact.launch)!);
    case 'UnknownKilled':
      return tell(state, {
        launch: fact.launch,
        state: 'KILLED',
        agentTime: fact.at,
        reason: 'never-started',
        message: 'this agent never held it',
      });
    case 'LaunchesForgotten':
      for (const launch of fact.launches) state.launches.delete(launch);
      return dropUnusedTemplates(state);
    case 'VolumesDoomed':
      for (const volume of fact.volumes) state.doomedVolumes.add(volume);
      return;
    case 'VolumesDestroyed':
      for (const volume of fact.volumes) state.volumes.delete(volume);
      for (const volume of fact.volumes) state.doomedVolumes.delete(volume);
      return void state.pendingVolumes.push(...fact.volumes);
    case 'ReportMade':
      return makeReport(state, fact);
    case 'ReportTaken':
      state.outgoing = state.outgoing.filter(({ epoch, m }) => epoch !== fact.epoch || m > fact.m);
      return;
    default:
      return unreachable(fact);
  }
}

type FactOf<Type extends AgentFact['type']> = Extract<AgentFact, { type: Type }>;

/** What is under way was told by the one before, and stands in the Inventory that comes next. */
function boot(state: AgentState, { session, facts }: FactOf<'Booted'>): void {
  Object.assign(state, { session, facts, epoch: 0, obeyed: 0, made: 0, leaving: false, standDown: undefined });
  state.pendingTasks = [];
  state.pendingVolumes = [];
  state.outgoing = [];
  state.untoldStarts.clear();
  for (const [launch, row] of state.launches) if (row.state === 'ORDERED') change(state, launch, { held: true });
}

/** With a new epoch the numbers start anew: what is under way is told again under them. */
function register(state: AgentState, { journalId, number, epoch, n }: FactOf<'Registered'>): void {
  state.journalId = journalId;
  state.number = number;
  state.obeyed = n;
  if (epoch === state.epoch) return;
  const again = state.outgoing;
  state.pendingTasks.unshift(...again.flatMap(({ tasks }) => tasks));
  state.pendingVolumes.unshift(...again.flatMap(({ volumes }) => volumes));
  state.outgoing = [];
  state.epoch = epoch;
  state.made = 0;
}

function order(state: AgentState, { at, launch, kind }: FactOf<'LaunchOrdered'>): void {
  state.launches.set(launch.launch, { launch, kind, state: 'ORDERED', held: false, ready: false });
  state.untoldStarts.set(launch.launch, at);
  for (const { volume } of launch.volumes) state.volumes.add(volume);
}

function began(state: AgentState, { launch, pid, since, ready }: FactOf<'TaskBegan'>): void {
  state.untoldStarts.delete(launch);
  change(state, launch, { state: 'RUNNING', held: false, pid, since, ready });
  tell(state, { launch, state: 'RUNNING', since, pid, ready });
}

function change(state: AgentState, launch: LaunchId, difference: Partial<LaunchRow>): void {
  const row = state.launches.get(launch);
  if (row !== undefined) state.launches.set(launch, { ...row, ...difference });
}

function tellEnd(state: AgentState, row: LaunchRow): void {
  const { at, toldIn: _, ...end } = row.end!;
  tell(state, { launch: row.launch.launch, state: row.state as TerminalState, agentTime: at, ...end });
}

function tell(state: AgentState, item: TaskReport): void {
  state.pendingTasks.push(item);
  if (state.pendingTasks.length <= PENDING_MAX) return;
  const ended = new Set(state.pendingTasks.filter(isEnd).map(({ launch }) => launch));
  state.pendingTasks = state.pendingTasks.filter((each) => isEnd(each) || !ended.has(each.launch));
}

function isEnd({ state }: TaskReport): boolean {
  return state !== 'STARTING' && state !== 'RUNNING' && state !== 'READY';
}

function makeReport(state: AgentState, fact: FactOf<'ReportMade'>): void {
  const { agent, session, epoch, obeyed } = state;
  const head = { agent, session, epoch, m: ++state.made, obeyed };
  const tasks = state.pendingTasks.splice(0, fact.tasks);
  const volumes = state.pendingVolumes.splice(0, fact.volumes);
  const report: OutgoingReport = { ...head, tasks, volumes };
  state.outgoing.push(report);
  state.pace = paceAfter(state.pace, fact.at, state.untoldStarts.size);
  for (const { launch } of tasks.filter(isEnd)) {
    const row = state.launches.get(launch);
    if (row?.end !== undefined) change(state, launch, { end: { ...row.end, toldIn: { epoch, m: head.m } } });
  }
}

function dropUnusedTemplates(state: AgentState): void {
  const used = new Set([...state.launches.values()].map(({ kind }) => kind.templateDigest));
  for (const digest of [...state.templates.keys()]) if (!used.has(digest)) state.templates.delete(digest);
}
