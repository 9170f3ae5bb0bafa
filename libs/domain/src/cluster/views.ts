import { parseTaskId, taskId, type AgentId, type LaunchId, type Resources, type ServiceName } from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import { countOnAgent, isNewer, launchesOfTask, launchesOnAgent, launchOf, rowsOfService } from './find.js';
import { numberAt, PHASE, RUNNING, STAGING, UNWANTED, toldOf } from './runs.js';
import {
  isLivePhase,
  type AgentRow,
  type AgentStanding,
  type ClusterState,
  type LaunchPhase,
  type LaunchRow,
} from './state.js';

/** What a reader calls the state of a task: its phase, unless its kill or the absence of its agent says more. */
export type TaskState = LaunchPhase | 'KILLING' | 'UNREACHABLE';
export type AgentState = AgentStanding | 'UNREACHABLE';

export interface TaskView {
  readonly id: string;
  readonly launch: LaunchId;
  readonly service: ServiceName;
  readonly generation: number;
  readonly version: number;
  readonly pod: string;
  readonly index: number;
  readonly task: string;
  readonly incarnation: number;
  readonly agent: AgentId;
  readonly hostname: string;
  readonly address: string;
  readonly state: TaskState;
  readonly pid?: number;
  readonly ports: Readonly<Record<string, number>>;
  readonly ready: boolean;
  /** Accepted at; once it runs, running since. */
  readonly since: EpochMs;
  readonly exit?: LaunchRow['exit'];
  readonly reason?: string;
  readonly message?: string;
}

/** One launch as people see it; nothing when its row is gone. */
export function taskView(state: ClusterState, launch: LaunchId): TaskView | undefined {
  const row = launchOf(state, launch);
  return row === undefined ? undefined : taskViewOf(state, row);
}

export function taskViewOf(state: ClusterState, row: LaunchRow): TaskView {
  const agent = state.agents.get(row.agent);
  return {
    id: taskId(row.service, row.pod, row.index, row.task),
    launch: row.launch,
    service: row.service,
    generation: row.generation,
    version: row.version,
    pod: row.pod,
    index: row.index,
    task: row.task,
    incarnation: row.incarnation,
    agent: row.agent,
    hostname: agent?.hostname ?? '',
    address: agent?.address ?? '',
    state: stateOf(row, agent),
    ports: row.ports,
    ready: row.ready && agent?.reachable === true,
    since: row.since,
    ...(row.pid === undefined ? {} : { pid: row.pid }),
    ...(row.exit === undefined ? {} : { exit: row.exit }),
    ...(row.reason === undefined ? {} : { reason: row.reason }),
    ...(row.message === undefined ? {} : { message: row.message }),
  };
}

function stateOf(row: Pick<LaunchRow, 'phase' | 'unwanted'>, agent: AgentRow | undefined): TaskState {
  if (!isLivePhase(row.phase)) return row.phase;
  if (agent?.standing === 'GONE') return 'LOST';
  if (agent?.reachable !== true) return 'UNREACHABLE';
  return row.unwanted ? 'KILLING' : row.phase;
}

/** The newest incarnation of a task (`hello.web-0.server`), living or ended. */
export function currentLaunch(state: ClusterState, task: string): LaunchRow | undefined {
  const id = parseTaskId(task);
  if (id === undefined) return undefined;
  let current: LaunchRow | undefined;
  for (const row of launchesOfTask(state, { ...id, service: id.service })) {
    if (current === undefined || isNewer(row, current)) current = row;
  }
  return current;
}

/** How many launches are in each state, run by run: of all services, or of one. */
export function countStates(state: ClusterState, service?: string): ReadonlyMap<TaskState, number> {
  const counts = new Map<TaskState, number>();
  const count = (which: TaskState) => counts.set(which, (counts.get(which) ?? 0) + 1);
  const prefix = service === undefined ? '' : `${service}.`;
  for (const [key, run] of state.runs.entries(prefix)) {
    if (!key.startsWith(prefix)) break;
    for (let member = 0; member < run.of.count; member += 1) {
      const told = toldOf(run, member);
      if (told === 0) continue;
      const phase = told & PHASE;
      const name = phase === RUNNING ? 'RUNNING' : phase === STAGING ? 'STAGING' : 'STARTING';
      const agent = state.agents.numbered(numberAt(run.of.agents, member));
      count(stateOf({ phase: name, unwanted: (told & UNWANTED) !== 0 }, agent));
    }
  }
  const rows = service === undefined ? state.launches.values() : rowsOfService(state, service);
  for (const row of rows) count(stateOf(row, state.agents.get(row.agent)));
  return counts;
}

export interface AgentView extends Pick<
  AgentRow,
  'hostname' | 'address' | 'capacity' | 'attributes' | 'faultDomain' | 'epoch' | 'lapseHeld'
> {
  readonly id: AgentId;
  readonly state: AgentState;
  readonly used: Resources;
  readonly tasks: number;
  readonly drainDeadline?: EpochMs;
}

export function agentView(state: ClusterState, agent: AgentId): AgentView | undefined {
  const row = state.agents.get(agent);
  if (row === undefined) return undefined;
  const { hostname, address, capacity, attributes, faultDomain, epoch, lapseHeld, drainDeadline } = row;
  return {
    id: agent,
    state: agentStateOf(row),
    used: usedOn(state, agent),
    tasks: countOnAgent(state, agent),
    ...{ hostname, address, capacity, attributes, faultDomain, epoch, lapseHeld },
    ...(drainDeadline === undefined ? {} : { drainDeadline }),
  };
}

export function agentStateOf({ standing, reachable }: AgentRow): AgentState {
  return standing === 'GONE' || reachable ? standing : 'UNREACHABLE';
}

/** Sum of what the live launches on an agent were started with; tasks of one pod share its volumes. */
export function usedOn(state: ClusterState, agent: AgentId): Resources {
  const used = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpus: 0 };
  const volumes = new Set<string>();
  for (const row of launchesOnAgent(state, agent)) {
    const template = state.templates.get(row.templateDigest)?.template;
    used.cpusMilli += template?.cpusMilli ?? 0;
    used.memoryMib += template?.memoryMib ?? 0;
    used.diskMib += template?.diskMib ?? 0;
    used.gpus += row.gpuIds.length;
    for (const { volume, sizeMib } of row.volumes) {
      if (!volumes.has(volume)) used.diskMib += sizeMib;
      volumes.add(volume);
    }
  }
  return used;
}
