import type { EpochMs } from '@orrery/kernel';
import type { AgentId, GrantId, LaunchId, RequestId, ServiceName } from '@orrery/contracts';
import { codeAt, cutCodes, newCodes, withCodes, type Codes } from './codes.js';
import { bucketsOf, cutSegments, idAt, type Segments } from './segments.js';
import type { PodRow, Seat, StopReason, TaskRow } from './state.js';

/**
 * Pods of one type that follow each other and differ in no more than columns can tell: what they share is said once. Position
 * 0 is the pod of index `first`. No run goes over a border of 1,024 indexes, and none overlaps another one; what diverges is
 * broken out into a row of its own and leaves a hole. Rows are immutable, so a column is copied before it changes.
 *
 *     StepStarted           Placed, launched          KillOrdered (not wanted any more)       GrantReturned
 *   ─────────────► PLACING ────────────────► LIVE ───────────────────────────► STOPPING ───────────────────► GONE
 *                                    ORDERED → RUNNING → READY                      uninstall: RETURNED, until it is released
 */
export interface RunRow {
  readonly service: ServiceName;
  readonly pod: string;
  readonly first: number;
  readonly length: number;
  /** The version whose recipe they are to run; those that were launched run it. */
  readonly recipe: number;
  /** Run of the plan whose steps on these pods are complete when they are up, and counted when all are. */
  readonly step: string | null;
  /** Of those that are PLACING. */
  readonly request: RequestId | null;
  /** Of that request, and of seats that are not used yet. */
  readonly attempt: number;
  /** Of those that are STOPPING. */
  readonly stopReason: StopReason | null;
  /** One of the codes above for each position. */
  readonly members: Codes;
  /** Their numbers; 0: none yet. */
  readonly agents: Uint32Array;
  /** One for each position, or a single one for all. */
  readonly epochs: Uint32Array;
  readonly grants: Segments;
  /** `<task>.<port>` → number. */
  readonly ports: Readonly<Record<string, Uint32Array>>;
  /** By name, in the order of names. */
  readonly tasks: Readonly<Record<string, RunTask>>;
  /** Task → one of the codes above for each position. */
  readonly status: Readonly<Record<string, Codes>>;
  /** Members that are pods. */
  readonly pods: number;
  readonly running: number;
  readonly up: number;
  /** Members that hold a place on which nothing runs: to be launched, or to be given back. */
  readonly idle: number;
  readonly returned: number;
}

export interface RunTask {
  readonly incarnation: number;
  /** service: ready as soon as it runs · checked: ready when its check says so · batch: runs to its end. */
  readonly kind: 'service' | 'checked' | 'batch';
  readonly launches: Segments;
  /** Of members that were started again: those that have another incarnation, or failures to remember. */
  readonly past: readonly Past[];
}

/** Position, incarnation, failures in a row, and since when it runs (0: of no interest). */
export type Past = readonly [position: number, incarnation: number, failures: number, since: EpochMs];

export const GONE = 0;
export const PLACING = 1;
export const LIVE = 2;
export const STOPPING = 3;
export const RETURNED = 4;

export const NONE = 0;
export const ORDERED = 1;
export const RUNNING = 2;
export const READY = 3;

export const RUN_LENGTH_MAX = 1024;
/** Fewer pods than that are rows of their own. */
export const RUN_LENGTH_MIN = 4;

/** Pods of a recipe without data and devices, which differ for each. */
export function newRun(service: ServiceName, pod: string, first: number, length: number, recipe: number): RunRow {
  return {
    service,
    pod,
    first,
    length,
    recipe,
    step: null,
    request: null,
    attempt: 0,
    stopReason: null,
    members: withCodes(newCodes(length), 0, length, PLACING),
    agents: new Uint32Array(length),
    epochs: new Uint32Array(1),
    grants: [],
    ports: {},
    tasks: {},
    status: {},
    pods: length,
    running: 0,
    up: 0,
    idle: 0,
    returned: 0,
  };
}

export function isPod(code: number): boolean {
  return code === PLACING || code === LIVE || code === STOPPING;
}

export function epochAt({ epochs }: RunRow, position: number): number {
  return epochs.length === 1 ? epochs[0]! : epochs[position]!;
}

/** How far the slowest task of a member has come. */
export function levelAt(status: RunRow['status'], position: number): number {
  let level = READY;
  let tasks = 0;
  for (const name in status) {
    level = Math.min(level, codeAt(status[name]!, position));
    tasks += 1;
  }
  return tasks === 0 ? NONE : level;
}

/** Whether no task of a member runs, as far as is known. */
export function isIdleAt(status: RunRow['status'], position: number): boolean {
  for (const name in status) if (codeAt(status[name]!, position) !== NONE) return false;
  return true;
}

/** What a run counts of itself. */
export function counted(run: RunRow): RunRow {
  const { members, status, length } = run;
  let [pods, running, up, idle, returned] = [0, 0, 0, 0, 0];
  for (let position = 0; position < length; position += 1) {
    const code = codeAt(members, position);
    if (code === RETURNED) returned += 1;
    if (!isPod(code)) continue;
    pods += 1;
    if (code === PLACING) continue;
    if (isIdleAt(status, position)) idle += 1;
    if (code !== LIVE) continue;
    const level = levelAt(status, position);
    if (level >= RUNNING) running += 1;
    if (level === READY) up += 1;
  }
  return { ...run, pods, running, up, idle, returned };
}

/** The members between two positions (the end not included) as a run of their own. */
export function cutRun(run: RunRow, from: number, to: number): RunRow {
  return counted({
    ...run,
    first: run.first + from,
    length: to - from,
    members: cutCodes(run.members, from, to),
    agents: run.agents.slice(from, to),
    epochs: run.epochs.length === 1 ? run.epochs : run.epochs.slice(from, to),
    grants: cutSegments(run.grants, from, to, 0),
    ports: mapValues(run.ports, (column) => column.slice(from, to)),
    tasks: mapValues(run.tasks, (task) => ({
      ...task,
      launches: cutSegments(task.launches, from, to, 0),
      past: task.past.flatMap(([at, ...rest]) => (at < from || at >= to ? [] : [[at - from, ...rest] as const])),
    })),
    status: mapValues(run.status, (codes) => cutCodes(codes, from, to)),
  });
}

/** Index of its first pod: some before it may have left. */
export function firstPodOf(run: RunRow): number {
  let position = 0;
  while (position < run.length && !isPod(memberAt(run, position))) position += 1;
  return run.first + position;
}

/** What a position is: one of the codes of members. */
export function memberAt({ members }: RunRow, position: number): number {
  return codeAt(members, position);
}

/** Whether some members between two positions (both included) are so. */
export function someMember(
  run: RunRow,
  from: number,
  to: number,
  holds: (code: number, position: number) => boolean,
): boolean {
  for (let position = from; position <= to; position += 1) if (holds(memberAt(run, position), position)) return true;
  return false;
}

const STATUS_OF = { [PLACING]: 'placing', [LIVE]: 'live', [STOPPING]: 'stopping' } as const;
const TASK_STATUS_OF = ['idle', 'ordered', 'running', 'ready'] as const;

/** A member as the row that it would be by itself; nothing when it is no pod of this run. */
export function podOfRun(run: RunRow, position: number, agentNamed: (number: number) => AgentId): PodRow | undefined {
  const code = memberAt(run, position);
  if (code !== PLACING && code !== LIVE && code !== STOPPING) return undefined;
  const up = code === LIVE && levelAt(run.status, position) === READY;
  const tasks = tasksAt(run, position);
  const launched = Object.keys(tasks).length > 0;
  const asks = code === PLACING && run.request !== null;
  const used = isUsedAt(run, position);
  return {
    service: run.service,
    pod: run.pod,
    index: run.first + position,
    recipe: run.recipe,
    status: STATUS_OF[code],
    attempt: used || (code === PLACING && !asks) ? 0 : run.attempt,
    tasks,
    ...(run.step === null || up ? {} : { step: run.step }),
    ...(asks ? { request: run.request!, asked: run.recipe } : {}),
    ...(code === PLACING ? {} : { seat: seatAt(run, position, used, agentNamed) }),
    ...(launched ? { launched: run.recipe } : {}),
    ...(code === STOPPING && run.stopReason !== null ? { stopReason: run.stopReason } : {}),
  };
}

function seatAt(run: RunRow, position: number, used: boolean, agentNamed: (number: number) => AgentId): Seat {
  const number = run.agents[position]!;
  return {
    grant: idAt<GrantId>(run.grants, position)!,
    agent: agentNamed(number),
    number,
    epoch: epochAt(run, position),
    ports: mapValues(run.ports, (column) => column[position]!),
    gpuIds: [],
    volumes: [],
    used,
  };
}

function tasksAt(run: RunRow, position: number): Record<string, TaskRow> {
  const tasks: Record<string, TaskRow> = {};
  for (const name in run.tasks) {
    const { launches, past, incarnation: first } = run.tasks[name]!;
    const launch = idAt<LaunchId>(launches, position);
    if (launch === undefined) continue;
    const status = codeAt(run.status[name]!, position);
    const living = status === NONE ? {} : { launch };
    const [, incarnation, failures, since] = past.find(([at]) => at === position) ?? [position, first, 0, 0];
    const ran = since === 0 || status === NONE ? {} : { since };
    tasks[name] = { ...living, incarnation, status: TASK_STATUS_OF[status]!, failures, ...ran };
  }
  return tasks;
}

function isUsedAt({ status }: RunRow, position: number): boolean {
  for (const name in status) if (codeAt(status[name]!, position) >= RUNNING) return true;
  return false;
}

const buckets = new WeakMap<object, readonly string[]>();

/** Under what the index of launches files a run; the same list as long as no launch joins. */
export function launchBuckets({ tasks }: RunRow): readonly string[] {
  let known = buckets.get(tasks);
  if (known === undefined)
    buckets.set(tasks, (known = bucketsOf(Object.values(tasks).map(({ launches }) => launches))));
  return known;
}

export function grantBuckets({ grants }: RunRow): readonly string[] {
  let known = buckets.get(grants);
  if (known === undefined) buckets.set(grants, (known = bucketsOf([grants])));
  return known;
}

export function mapValues<Value, Mapped>(
  values: Readonly<Record<string, Value>>,
  change: (value: Value, name: string) => Mapped,
): Record<string, Mapped> {
  const mapped: Record<string, Mapped> = {};
  for (const name in values) mapped[name] = change(values[name]!, name);
  return mapped;
}
