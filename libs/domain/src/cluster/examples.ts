import {
  idOf,
  idRunsOf,
  MembersBuilder,
  ordinalOf,
  seqOf,
  type AgentFacts,
  type AgentId,
  type AgentReport,
  type AllocationEvent,
  type ClusterCommand,
  type ClusterEvent,
  type ClusterEventOf,
  type GrantId,
  type IdRuns,
  type InventoryItem,
  type LaunchId,
  type LaunchSet,
  type Member,
  type Members,
  type ServiceName,
  type ServicesEvent,
  type TaskEnds,
  type TasksRun,
  type TaskTemplate,
} from '@orrery/contracts';
import type { ClusterInput, ClusterInternal } from './input.js';

// Things to speak about in specifications: one agent, one service, and the ways in which inputs arrive.

export const AT = Date.UTC(2026, 0, 1);
export const ada = 'ada' as AgentId;
export const hello = 'hello' as ServiceName;
export const id = (launch: string) => launch as LaunchId;

export const facts: AgentFacts = {
  hostname: 'ada.local',
  address: '127.0.0.1',
  capacity: { cpusMilli: 4000, memoryMib: 8192, diskMib: 10_000, gpuIds: [], ports: [[31_000, 31_999]] },
  attributes: { rack: 'r1' },
  faultDomain: { region: 'eu', zone: 'a' },
};

export const template: TaskTemplate = {
  cmd: 'sleep 1000',
  goal: 'RUNNING',
  env: {},
  cpusMilli: 100,
  memoryMib: 64,
  diskMib: 0,
  killGraceMs: 5000,
  portEnv: {},
  configs: [],
};

/** A launch as a specification speaks of it: pod index and grant go with its ordinal unless told otherwise. */
export interface Plan extends Member {
  readonly launch: LaunchId;
  readonly grant: GrantId;
}

/** Grants are of another journal: its seqs are those of the launches and a thousand. */
export function grantOf(launch: string): GrantId {
  return idOf<GrantId>(1000 + seqOf(launch), ordinalOf(launch));
}

export function launch(name: string, more: Partial<Plan> = {}): Plan {
  const member = { index: ordinalOf(name), agent: 1, epoch: 1, ports: {}, gpuIds: [], volumes: [] };
  return { launch: id(name), grant: grantOf(name), ...member, ...more };
}

/** `10.0`, `10.1` … */
export function launches(count: number, seq = 10): Plan[] {
  return Array.from({ length: count }, (_, ordinal) => launch(`${seq}.${ordinal}`));
}

export function ids(...names: readonly string[]): IdRuns {
  return idRunsOf(names);
}

type Kind = Partial<Omit<LaunchSet, keyof Members | 'launches' | 'grants'>>;

export function setOf(plans: readonly Plan[], more: Kind = {}): LaunchSet {
  const what = { service: hello, generation: 1, version: 1, pod: 'web', task: 'server', templateDigest: 'd1' };
  const members = new MembersBuilder();
  for (const { launch: _, grant: __, ...member } of plans) members.add(member);
  const launches = idRunsOf(plans.map((plan) => plan.launch));
  const grants = idRunsOf(plans.map((plan) => plan.grant));
  return { ...what, incarnation: 1, ...members.members, launches, grants, ...more };
}

// --- Inputs ---------------------------------------------------------------------------------------------------------

export function command(command: ClusterCommand): ClusterInput {
  return { kind: 'command', id: command.type, actor: 'ann', command };
}

export function services(event: ServicesEvent): ClusterInput {
  return { kind: 'foreign', domain: 'services', journalId: 's', seq: 1, event };
}

export function allocation(event: AllocationEvent): ClusterInput {
  return { kind: 'foreign', domain: 'allocation', journalId: 'a', seq: 1, event };
}

export function report(report: AgentReport): ClusterInput {
  return reports(report);
}

/** Judged together. */
export function reports(...reports: readonly AgentReport[]): ClusterInput {
  return { kind: 'reports', reports };
}

export function internal(internal: ClusterInternal | { readonly type: 'tick' | 'continue' }): ClusterInput {
  return { kind: 'internal', internal };
}

type Inventory = Extract<AgentReport, { type: 'Inventory' }>;

export function inventory(launches: readonly InventoryItem[] = [], more: Partial<Inventory> = {}): ClusterInput {
  const head = { agent: ada, session: 's1', epoch: 1, obeyed: 1, m: 0, volumes: [] };
  return report({ type: 'Inventory', ...head, launches, ...facts, ...more });
}

type TaskStates = Extract<AgentReport, { type: 'TaskStates' }>;
type Told = Partial<Pick<TaskStates, 'starting' | 'running' | 'ready' | 'unready' | 'ended'>>;

export function taskStates(m: number, told: Told, more: object = {}): ClusterInput {
  const head = { agent: ada, session: 's1', epoch: 1, obeyed: 1 };
  return report({ type: 'TaskStates', ...head, m, ...told, ...more });
}

export function ran(names: readonly string[], ready = true): TasksRun {
  return { launches: ids(...names), sinceFrom: AT, since: [0], pids: [42], ...(ready ? { ready } : {}) };
}

export function running(...names: readonly string[]): Told {
  return { running: [ran(names)] };
}

export function failure(...names: readonly string[]): TaskEnds {
  return { launches: ids(...names), state: 'FAILED', exit: { code: 1 }, reason: 'exit-code', agentTime: AT };
}

export function failed(...names: readonly string[]): Told {
  return { ended: [failure(...names)] };
}

export function ordered(plans: readonly Plan[], more: Kind = {}): ClusterInput {
  return services({ type: 'LaunchOrdered', data: { ...setOf(plans, more), template } });
}

type KillOrdered = Extract<ServicesEvent, { type: 'KillOrdered' }>['data'];

export function killOrdered(names: readonly string[], reason: KillOrdered['reason'] = 'scaled-down'): ClusterInput {
  return services({ type: 'KillOrdered', data: { service: hello, generation: 1, launches: ids(...names), reason } });
}

// --- Events ---------------------------------------------------------------------------------------------------------

export function event<Type extends ClusterEvent['type']>(type: Type, data: ClusterEventOf<Type>['data']): ClusterEvent {
  return { type, data } as ClusterEvent;
}

export function registered(more: Partial<ClusterEventOf<'AgentRegistered'>['data']> = {}): ClusterEvent {
  return event('AgentRegistered', { agent: ada, number: 1, epoch: 1, session: 's1', ...facts, ...more });
}

export function sync(n: number, reason: string, askInventory = false, more: object = {}): ClusterEvent {
  return event('SyncOrdered', { agent: ada, epoch: 1, n, reason, askInventory, ...more });
}

export function accepted(plans: readonly Plan[], more: Kind = {}): ClusterEvent {
  return event('LaunchAccepted', { ...setOf(plans, more), at: AT });
}

export function killed(names: readonly string[], more: { graceMs?: number; final?: true } = {}): ClusterEvent {
  return event('KillAccepted', { launches: ids(...names), ...more });
}

/** Told in report m. */
export function ended(m: number, state: TaskEnds['state'], ...names: readonly string[]): ClusterEvent {
  return event('TasksEnded', { ...one, m, ends: [{ launches: ids(...names), state, reason: 'x' }] });
}

export function lost(...names: readonly string[]): ClusterEvent {
  return event('TasksLost', { ...one, launches: ids(...names), reason: 'x' });
}

export const templateKept = event('TemplateKept', { digest: 'd1', template });

export const one = { agent: ada, epoch: 1 } as const;

export const unreachableNow = event('AgentUnreachable', { ...one, at: AT });

/** An agent that registered and was told so. */
export const joined = [registered(), sync(1, 'registered')];

/** The same with these launches accepted one by one, n = 2, 3, … */
export function staged(...names: readonly string[]): ClusterEvent[] {
  return [...joined, templateKept, ...names.map((name) => accepted([launch(name)]))];
}

/** The same, reported RUNNING and ready in report m = 1. */
export function runningThere(...names: readonly string[]): ClusterEvent[] {
  return [...staged(...names), event('TasksRunning', { ...one, m: 1, ...ran(names) })];
}
