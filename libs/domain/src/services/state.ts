import { Table, type EpochMs, type IndexKeys } from '@orrery/kernel';
import type {
  AgentId,
  GrantId,
  LaunchId,
  PhaseDefinition,
  PlanStrategy,
  Preemptor,
  RequestId,
  RoleName,
  ServiceName,
  ServicesEventOf,
  ServiceSpec,
  Volume,
} from '@orrery/contracts';
import { grantBuckets, launchBuckets, type RunRow } from './runs.js';
import { deadlineOfPlan, hasOpenSteps, isOver } from './steps.js';

/**
 * What the service-manager knows, as the fold of the services journal.
 *
 * A pod instance:
 *
 *     StepStarted                     Placed                      every task ready or finished
 *   ───────────────► placing ───────────────────► live ──────────────────────────────► (up) ──┐
 *                      ▲  ▲                       │  ▲                                        │
 *                      │  │ grant returned        │  │ launched again: same grant,            │
 *                      │  └─────── stopping ◄─────┘  │ incarnation + 1                        │
 *                      │              │   kill       │                                        │
 *                      │              └──────────────┘ every launch over                      │
 *                      │                                                                      │
 *                      │ replaced              agent lost                                     │
 *                      └───────── waiting ◄────────────────── live, stopping                  │
 *                                    └──► live, stopping: agent returned                      │
 *                                                                                             │
 *     finished ◄── every task reached its goal (FINISH, ONCE) ────────────────────────────────┘
 *
 * A grant that a pod no longer sits on is a row of `leaving` until its last launch is known to be over.
 */
export interface ServicesState {
  readonly services: Table<string, ServiceRow>;
  readonly versions: Table<string, VersionRow>;
  readonly plans: Table<string, PlanRow>;
  /** Pods that differ from their neighbours. */
  readonly pods: Table<string, PodRow>;
  /** All others. */
  readonly runs: Table<string, RunRow>;
  readonly tallies: Table<string, TallyRow>;
  readonly leaving: Table<string, LeavingRow>;
  readonly agents: Table<string, AgentRow>;
  readonly names: Table<string, NameRow>;
}

/** Rows of a table, or of a proposal over it: all that rules and fold may use. */
export type Rows<Key extends string, Row extends object> = Pick<
  Table<Key, Row>,
  'get' | 'has' | 'put' | 'delete' | 'entries' | 'by' | 'firstBy'
>;
export type ServicesRows = {
  readonly [Part in keyof ServicesState]: ServicesState[Part] extends Table<infer Key, infer Row>
    ? Rows<Key, Row>
    : never;
};

export interface ServiceRow {
  readonly name: ServiceName;
  /** Seq of the commit that created the service. */
  readonly generation: number;
  /** The version that is wanted. */
  readonly version: number;
  /** The last one that a plan has brought it to, whole. */
  readonly good?: number;
  readonly role: RoleName;
  readonly specDigest: string;
  /** Pod type → the version whose recipe its pods are to run. */
  readonly recipes: Readonly<Record<string, number>>;
  /** Name of the plan that runs, or ran last: the one that brings pods up, restarts them or takes them down. */
  readonly plan?: string;
  /** Names of plans under way that only run tasks beside the pods. */
  readonly asides?: readonly string[];
  /** A plan has brought it to its target at least once. */
  readonly deployed: boolean;
  /** A plan has brought it to the wanted version, with no step completed by force. */
  readonly settled: boolean;
  readonly uninstalling: boolean;
  /** A volume was given away for destruction: the uninstall can't be cancelled any more. */
  readonly destroyed: boolean;
  /** Pod type → pods beyond its count that stand in for those that change, and are wanted until they are taken down. */
  readonly surges?: Readonly<Record<string, number>>;
  /** When a place was last asked for in the stead of one with data. */
  readonly replacedAt?: EpochMs;
}

export interface VersionRow {
  readonly service: ServiceName;
  readonly version: number;
  readonly specDigest: string;
  /** The order of its pods and phases means something; rows are encoded as they were built. */
  readonly spec: ServiceSpec;
}

/**
 * One run of a plan.
 *
 *   running ──► complete        a step: pending ──► started ──► complete, a phase and a plan by their steps;
 *     ▲ └─────► stopped         paused (plan, phase, step) holds back what has not started
 *     └─ failed ───▲            a step failed for good: nothing more starts until it is restarted, resumed or stopped
 */
export interface PlanRow {
  readonly service: ServiceName;
  readonly plan: string;
  readonly run: string;
  readonly version: number;
  readonly strategy: PlanStrategy;
  readonly phases: readonly PhaseRow[];
  readonly status: 'running' | 'complete' | 'stopped' | 'failed';
  /** failed: why; otherwise why it took back what failed, or what it went on without. */
  readonly reason?: string;
  /** Id of the task whose failures are the reason. */
  readonly failedTask?: string;
  /** failed: the phase whose started steps are waited for; once they are complete after all, it goes on. */
  readonly stuck?: string;
  /** failed: the version before it is to be applied again. */
  readonly rollsBack?: true;
  readonly onFailure?: 'rollback' | 'continue';
  /** When the whole of it has to be complete. */
  readonly until?: EpochMs;
  /** Environment of the tasks that its steps run. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Something of it was completed by force. */
  readonly forced: boolean;
  readonly paused: boolean;
  /** Canary: how many phases may start; absent: all. */
  readonly released?: number;
}

/** Steps have a position in the order of work; those before `next` have started, but for the held and the late. */
export interface PhaseRow extends PhaseDefinition {
  readonly total: number;
  /** While steps are under way: when the last of those that started has to be complete. */
  readonly until?: EpochMs;
  readonly next: number;
  readonly done: number;
  readonly paused: boolean;
  /** Canary: how many steps may start; absent: all. */
  readonly released?: number;
  /** Pod indexes of steps that an operator paused before they started. */
  readonly held: readonly number[];
  /** Pod indexes of steps that were held when `next` went by and have been resumed. */
  readonly late: readonly number[];
  /** Pod indexes from `next` on whose steps an operator completed by force. */
  readonly passed: readonly number[];
  /** rolling: pod indexes from `next` on whose steps have started before those of others. */
  readonly ahead: readonly number[];
  /** rolling: why nothing may start until more pods are up. */
  readonly heldBack?: string;
}

export type PodStatus = 'placing' | 'live' | 'stopping' | 'waiting' | 'finished';
export type StopReason = ServicesEventOf<'KillOrdered'>['data']['reason'];

/** Each field is there; one that means nothing now is undefined. */
export interface PodRow {
  readonly service: ServiceName;
  readonly pod: string;
  readonly index: number;
  /** The version whose recipe this pod is to run. */
  readonly recipe: number;
  readonly status: PodStatus;
  /** Run of the plan whose step on this pod is not complete. */
  readonly step?: string | undefined;
  readonly request?: RequestId | undefined;
  /** The recipe that the open request was made for. */
  readonly asked?: number | undefined;
  /** Agents that the open request leaves out. */
  readonly avoid?: readonly AgentId[] | undefined;
  readonly attempt: number;
  readonly seat?: Seat | undefined;
  /** The version whose needs the seat holds, while nothing of it was launched there. */
  readonly sized?: number | undefined;
  /** Beside its seat it wants, or has, what it lacks of another size. */
  readonly resizing?: Resizing | undefined;
  /** The version of the last launches. */
  readonly launched?: number | undefined;
  readonly tasks: Readonly<Record<string, TaskRow>>;
  /** What steps of plans run here beside its own tasks, one after the other. */
  readonly visits?: readonly VisitRow[] | undefined;
  /** Address of the machine where it left its data, until it is up elsewhere. */
  readonly replaces?: string | undefined;
  /** It has a place and was never launched there: its peers have to be placed first. */
  readonly waits?: true | undefined;
  /** What it had to do before its end is done: it goes, with its data, even if it is wanted again. */
  readonly drained?: true | undefined;
  readonly stopReason?: StopReason | undefined;
  /** Its tasks that sleep instead of running their commands. */
  readonly paused?: readonly string[] | undefined;
  /** Every task is ready, and it counts as up if they still are then. */
  readonly probationUntil?: EpochMs | undefined;
  /** It makes way for these, or did and has no other place yet. */
  readonly preemptedBy?: Preemptor | undefined;
  /** waiting: its deadline. placing: no place is asked for before. Otherwise: when the whole pod is launched again. */
  readonly until?: EpochMs | undefined;
}

/** request ──SizeGranted──▶ grant ──GrantReturned of the seat's──▶ the seat. */
export interface Resizing {
  /** The recipe that it was asked for. */
  readonly asked: number;
  /** Open. */
  readonly request?: RequestId;
  /** With all that the pod has once it sits on it. */
  readonly grant?: GrantId;
  readonly ports?: Readonly<Record<string, number>>;
  readonly gpuIds?: readonly string[];
}

/** A step that runs tasks beside those of a pod, one after the other. */
export interface VisitRow {
  readonly plan: string;
  /** Of that plan. */
  readonly run: string;
  readonly phase: string;
  readonly tasks: readonly string[];
  /** Which of them is next, or runs; as many as there are: all are done. */
  readonly at: number;
  /** A launch of that one is not over. */
  readonly launched: boolean;
  /** In a row, of that one. */
  readonly failures: number;
  /** Not launched before. */
  readonly until?: EpochMs;
  /** It failed for good. */
  readonly failed?: string;
}

/** What a pod holds on an agent. */
export interface Seat {
  readonly grant: GrantId;
  readonly agent: AgentId;
  /** How sets call this agent. */
  readonly number: number;
  readonly epoch: number;
  /** `<task>.<port>` → number. */
  readonly ports: Readonly<Record<string, number>>;
  readonly gpuIds: readonly string[];
  readonly volumes: readonly Volume[];
  /** A process of this pod was seen there: its volumes may hold data. */
  readonly used: boolean;
}

/**
 * later: waits for other tasks of its pod. dropped: not part of the recipe any more, or a step of a plan ran it; its
 * incarnation is kept.
 */
export type TaskStatus = 'later' | 'idle' | 'ordered' | 'running' | 'ready' | 'finished' | 'dropped';

export interface TaskRow {
  readonly launch?: LaunchId;
  /** Of the last launch; 0: never launched. */
  readonly incarnation: number;
  readonly status: TaskStatus;
  /** In a row. */
  readonly failures: number;
  readonly since?: EpochMs;
  /** Not launched again before. */
  readonly until?: EpochMs;
  /** A step of a plan runs it beside the pod's own tasks. */
  readonly visit?: true;
  /** Of a task that steps run: the version that it last reached its goal at. */
  readonly done?: number;
}

/** Counts of the pods of one type that are rows, so that nobody has to walk them; runs count themselves. */
export interface TallyRow {
  /** No pod has this index or a higher one. */
  readonly slots: number;
  /** Highest incarnation of pods that are no more: a new life counts on from it. */
  readonly incarnation: number;
  readonly pods: number;
  /** Every task runs or has finished. */
  readonly running: number;
  /** Every task is ready or has finished. */
  readonly up: number;
  readonly finished: number;
}

export interface LeavingRow {
  readonly service: ServiceName;
  readonly generation: number;
  readonly pod: string;
  readonly index: number;
  readonly agent: AgentId;
  /** Not known to be over. */
  readonly launches: readonly LaunchId[];
  readonly destroyVolumes: boolean;
  /** Kept until the allocator has released it: an uninstall waits for that. */
  readonly returned: boolean;
  /** On an agent that could not be reached when its service went on without it. */
  readonly leftBehind: boolean;
  /** An operator answers for it that nothing runs there any more. */
  readonly vouched: boolean;
}

/** An agent that is not simply ACTIVE while something is held there. */
export interface AgentRow {
  readonly state: 'UNREACHABLE' | 'DRAINING' | 'GONE';
  /** Registration that was lost: there are pods on it that were not yet dealt with. */
  readonly more?: number;
}

/** An agent and the number that the cluster journal gave it: sets know it by that alone. */
export interface NameRow {
  readonly number: number;
  readonly agent: AgentId;
  /** Where its tasks can be reached. */
  readonly address: string;
}

export const indexes: { readonly [Part in keyof ServicesState]: Readonly<Record<string, IndexKeys<RowOf<Part>>>> } = {
  services: {},
  versions: {},
  plans: {
    open: (row) => (hasOpenSteps(row) || isOver(row) ? 'open' : undefined),
    due: (row) => deadlineKey(deadlineOfPlan(row)),
    heldBack: (row) => (row.phases.some(({ heldBack }) => heldBack !== undefined) ? row.service : undefined),
    rollsBack: (row) => (row.rollsBack === true ? 'rollsBack' : undefined),
  },
  pods: {
    launch: (row) => oneOrMany(launchesOf(row)),
    grant: (row) => grantsOf(row),
    sized: (row) => (row.resizing?.grant === undefined ? undefined : row.service),
    agent: (row) => row.seat?.agent,
    avoid: (row) => row.avoid,
    due: (row) => deadlineKey(dueAt(row)),
    waits: (row) => (row.waits === true ? row.service : undefined),
  },
  runs: {
    launch: launchBuckets,
    grant: grantBuckets,
    work: (row) => (row.idle > 0 ? 'work' : undefined),
  },
  tallies: {},
  leaving: {
    launch: (row) => oneOrMany(row.launches),
    agent: (row) => row.agent,
    owner: (row) => ownerKey(row.service, row.generation),
    // Who may still run as this pod.
    pod: (row) => (row.launches.length > 0 && !row.vouched ? podKey(row.service, row.pod, row.index) : undefined),
  },
  agents: { state: (row) => row.state, more: (row) => (row.more === undefined ? undefined : 'more') },
  names: { agent: (row) => row.agent },
};

type RowOf<Part extends keyof ServicesState> = ServicesState[Part] extends Table<string, infer Row> ? Row : never;

export function initialState(): ServicesState {
  return {
    services: new Table('services', indexes.services),
    versions: new Table('versions', indexes.versions),
    plans: new Table('plans', indexes.plans),
    pods: new Table('pods', indexes.pods),
    runs: new Table('runs', indexes.runs),
    tallies: new Table('tallies', indexes.tallies),
    leaving: new Table('leaving', indexes.leaving),
    agents: new Table('agents', indexes.agents),
    names: new Table('names', indexes.names),
  };
}

const INDEX_DIGITS = 7;
/** Most indexes and versions are small, and are asked for again and again. */
const SMALL = Array.from({ length: 1000 }, (_, index) => String(index).padStart(INDEX_DIGITS, '0'));
const DEADLINE_DIGITS = 16;

export function podKey(service: string, pod: string, index: number): string {
  return `${service}/${pod}/${digitsOf(index)}`;
}

export function versionKey(service: string, version: number): string {
  return `${service}/${digitsOf(version)}`;
}

function digitsOf(index: number): string {
  return SMALL[index] ?? String(index).padStart(INDEX_DIGITS, '0');
}

export function planKey(service: string, plan: string): string {
  return `${service}/${plan}`;
}

export function tallyKey(service: string, pod: string): string {
  return `${service}/${pod}`;
}

export function agentKey(number: number): string {
  return String(number);
}

export function ownerKey(service: string, generation: number): string {
  return `${service}@${generation}`;
}

export function deadlineKey(at: EpochMs | undefined): string | undefined {
  return at === undefined ? undefined : String(at).padStart(DEADLINE_DIGITS, '0');
}

export function launchesOf(row: PodRow): LaunchId[] {
  const launches: LaunchId[] = [];
  for (const name in row.tasks) {
    const { launch } = row.tasks[name]!;
    if (launch !== undefined) launches.push(launch);
  }
  return launches;
}

/** When time alone gives this pod something to do; 0: at once. */
export function dueAt(row: PodRow): EpochMs | undefined {
  if (row.status === 'waiting' || row.status === 'placing') return row.until;
  if (row.seat === undefined || (row.status !== 'live' && row.status !== 'stopping')) return undefined;
  if (row.waits === true) return undefined;
  if (launchesOf(row).length === 0) return row.until ?? earliestRetry(row) ?? 0;
  return row.status === 'live' ? (row.probationUntil ?? earliestRetry(row)) : undefined;
}

function earliestRetry(row: PodRow): EpochMs | undefined {
  let earliest = row.visits === undefined ? undefined : earliestVisit(row);
  for (const task of Object.values(row.tasks)) {
    if (task.status !== 'idle') continue;
    if (earliest === undefined || (task.until ?? 0) < earliest) earliest = task.until ?? 0;
  }
  return earliest;
}

/** A step that runs tasks here tries again once the pod is up: that is told, so nothing is due before. */
function earliestVisit({ visits, step, tasks, paused }: PodRow): EpochMs | undefined {
  if (paused !== undefined) return undefined;
  const own = Object.values(tasks).filter(({ status, visit }) => visit !== true && status !== 'dropped');
  if (step !== undefined || !own.every(({ status }) => status === 'ready' || status === 'finished')) return undefined;
  const times = visits!.flatMap(({ until }) => until ?? []);
  return times.length === 0 ? undefined : Math.min(...times);
}

// A plain string where there is one launch: the table then sees at a glance that nothing moved.
function oneOrMany(launches: readonly LaunchId[]): string | readonly string[] | undefined {
  return launches.length > 1 ? launches : launches[0];
}

function grantsOf({ seat, resizing }: PodRow): string | readonly string[] | undefined {
  if (seat === undefined || resizing?.grant === undefined) return seat?.grant;
  return [seat.grant, resizing.grant];
}
