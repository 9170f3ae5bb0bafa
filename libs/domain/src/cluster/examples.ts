import type {
  AgentFacts,
  AgentId,
  AgentReport,
  AllocationEvent,
  ClusterCommand,
  ClusterEvent,
  ClusterEventOf,
  GrantId,
  InventoryItem,
  Launch,
  LaunchId,
  LaunchSet,
  ServiceName,
  ServicesEvent,
  TaskStateReport,
  TaskTemplate,
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

export function launch(name: string, more: Partial<Launch> = {}): Launch {
  const index = Number(name.split('.')[1]);
  return { launch: id(name), grant: `g${name}` as GrantId, index, incarnation: 1, ...EMPTY, ...more };
}

const EMPTY = { ports: {}, gpuIds: [], volumes: [] };

export function setOf(launches: readonly Launch[], more: Partial<LaunchSet> = {}): LaunchSet {
  const what = { service: hello, generation: 1, version: 1, pod: 'web', task: 'server', templateDigest: 'd1' };
  return { ...what, agent: ada, epoch: 1, launches, ...more };
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
  return { kind: 'report', report };
}

export function internal(internal: ClusterInternal | { readonly type: 'tick' | 'continue' }): ClusterInput {
  return { kind: 'internal', internal };
}

type Inventory = Extract<AgentReport, { type: 'Inventory' }>;

export function inventory(launches: readonly InventoryItem[] = [], more: Partial<Inventory> = {}): ClusterInput {
  const head = { agent: ada, session: 's1', epoch: 1, obeyed: 1, m: 0, volumes: [] };
  return report({ type: 'Inventory', ...head, launches, ...facts, ...more });
}

export function taskStates(m: number, tasks: readonly TaskStateReport[], more: object = {}): ClusterInput {
  const head = { agent: ada, session: 's1', epoch: 1, obeyed: 1 };
  return report({ type: 'TaskStates', ...head, m, tasks, ...more });
}

export function running(name: string, ready = true): TaskStateReport {
  return { launch: id(name), state: 'RUNNING', agentTime: AT, pid: 42, ready };
}

export function failed(name: string): TaskStateReport {
  return { launch: id(name), state: 'FAILED', agentTime: AT, exit: { code: 1 }, reason: 'exit-code' };
}

export function ordered(launches: readonly Launch[], more: Partial<LaunchSet> = {}): ClusterInput {
  return services({ type: 'LaunchOrdered', data: { ...setOf(launches, more), template } });
}

type KillOrdered = Extract<ServicesEvent, { type: 'KillOrdered' }>['data'];

export function killOrdered(names: readonly string[], reason: KillOrdered['reason'] = 'scaled-down'): ClusterInput {
  const data = { service: hello, generation: 1, agent: ada, launches: names.map(id), reason };
  return services({ type: 'KillOrdered', data });
}

// --- Events ---------------------------------------------------------------------------------------------------------

export function event<Type extends ClusterEvent['type']>(type: Type, data: ClusterEventOf<Type>['data']): ClusterEvent {
  return { type, data } as ClusterEvent;
}

export function registered(more: Partial<ClusterEventOf<'AgentRegistered'>['data']> = {}): ClusterEvent {
  return event('AgentRegistered', { agent: ada, epoch: 1, session: 's1', ...facts, ...more });
}

export function sync(n: number, reason: string, askInventory = false, more: object = {}): ClusterEvent {
  return event('SyncOrdered', { agent: ada, epoch: 1, n, reason, askInventory, ...more });
}

export function accepted(n: number, launches: readonly Launch[], more: Partial<LaunchSet> = {}): ClusterEvent {
  return event('LaunchAccepted', { ...setOf(launches, more), n, at: AT });
}

export const templateKept = event('TemplateKept', { digest: 'd1', template });

export const unreachableNow = event('AgentUnreachable', { agent: ada, epoch: 1, at: AT });

/** An agent that registered and was told so. */
export const joined = [registered(), sync(1, 'registered')];

/** The same with these launches accepted one by one, n = 2, 3, … */
export function staged(...names: readonly string[]): ClusterEvent[] {
  return [...joined, templateKept, ...names.map((name, index) => accepted(index + 2, [launch(name)]))];
}

/** The same, reported RUNNING and ready in report m = 1. */
export function runningThere(...names: readonly string[]): ClusterEvent[] {
  return [
    ...staged(...names),
    event('TasksRunning', {
      ...{ agent: ada, epoch: 1, m: 1 },
      tasks: names.map((name) => ({ launch: id(name), pid: 42, since: AT })),
    }),
    event('TasksReady', {
      ...{ agent: ada, epoch: 1, m: 1 },
      tasks: names.map((name) => ({ launch: id(name), ready: true })),
    }),
  ];
}

export const one = { agent: ada, epoch: 1 } as const;
