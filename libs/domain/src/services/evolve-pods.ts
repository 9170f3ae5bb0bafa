import {
  idsIn,
  membersIn,
  numbersIn,
  type AgentId,
  type GrantId,
  type LaunchId,
  type Member,
  type ServicesEventOf,
  type ServicesEventType,
} from '@orrery/contracts';
import { addressOf, agentNamed as agentOfNumber, numberOf } from './agents.js';
import { leavingOfLaunch, membersOn, podAt, podOfGrant, podOfLaunch, putPod, rowsIn } from './pods.js';
import { askForRuns, observeMembers, releaseMembers, returnMembers, stopMembers, withdrawRuns } from './run-members.js';
import { visitDelayed, visitEnded, visitLaunched, visitsCutOff } from './evolve-visits.js';
import { isWaveOpen, recipeAt } from './recipe.js';
import { rejoin } from './rejoin.js';
import { noteEpoch, seatMembers } from './run-seats.js';

import {
  launchesOf,
  planKey,
  type LeavingRow,
  type PodRow,
  type Seat,
  type ServicesRows,
  type TaskRow,
  type TaskStatus,
} from './state.js';
import { isServing, tallyOf } from './tallies.js';
import { withoutProbation, withProbation } from './probation.js';
import { holdsData } from './wanted.js';

type DataOf<Type extends ServicesEventType> = ServicesEventOf<Type>['data'];

export function placementRequested(rows: ServicesRows, data: DataOf<'PlacementRequested'>): void {
  if (data.resizes !== undefined) return resizeRequested(rows, data);
  askForRuns(rows, data);
  const { request, attempt } = data;
  const avoid = data.avoid.length === 0 ? undefined : data.avoid;
  for (const row of rowsIn(rows, data.service, data.pod, data.indexes)) {
    putPod(rows, { ...row, until: undefined, status: 'placing', request, asked: row.recipe, attempt, avoid });
  }
}

function resizeRequested(rows: ServicesRows, { request, ...data }: DataOf<'PlacementRequested'>): void {
  for (const row of rowsIn(rows, data.service, data.pod, data.indexes))
    putPod(rows, { ...row, resizing: { asked: row.recipe, request } });
}

export function sizeGranted(rows: ServicesRows, data: DataOf<'SizeGranted'>): void {
  const row = podAt(rows, data.service, data.pod, data.index);
  if (row?.resizing === undefined) return;
  const { grant, ports, gpuIds } = data;
  putPod(rows, { ...row, resizing: { asked: row.resizing.asked, grant, ports, gpuIds } });
}

export function placementWithdrawn(rows: ServicesRows, data: DataOf<'PlacementWithdrawn'>): void {
  withdrawRuns(rows, data);
  for (const row of rowsIn(rows, data.service, data.pod, data.indexes)) {
    if (row.request === data.request) putPod(rows, { ...withoutRequest(row), attempt: 0 });
    if (row.resizing?.request === data.request) putPod(rows, withoutSize(row));
  }
}

export function grantsTaken(rows: ServicesRows, data: DataOf<'GrantsTaken'>): void {
  const { service, pod, grants } = data;
  const ports = Object.fromEntries(Object.keys(data.ports ?? {}).map((name) => [name, name]));
  const rest = seatMembers(rows, { service, pod, set: data, grants, ports });
  if (rest.size === 0) return;
  const ids = idsIn<GrantId>(grants);
  for (const { index, agent: number, epoch, ports: held, gpuIds, volumes } of membersIn(data)) {
    const grant = ids.next().value as GrantId;
    const row = rest.has(index) ? podAt(rows, service, pod, index) : undefined;
    if (row === undefined) continue;
    const agent = agentOfNumber(rows, number);
    const seat: Seat = { grant, agent, number, epoch, ports: held, gpuIds, volumes, used: false };
    const waits = data.waits === true ? true : row.waits;
    // Another version may be wanted before anything is launched on it.
    const sized = row.asked ?? row.sized;
    putPod(rows, { ...withoutRequest(row), preemptedBy: undefined, status: 'live', seat, waits, sized });
  }
}

export function launchOrdered(rows: ServicesRows, set: DataOf<'LaunchOrdered'>): void {
  const { service, pod, task, grants } = set;
  const ports = Object.fromEntries(Object.keys(set.ports ?? {}).map((name) => [`${task}.${name}`, name]));
  const rest = seatMembers(rows, { service, pod, set, grants, ports, order: set });
  if (rest.size === 0) return;
  const launchIds = idsIn<LaunchId>(set.launches);
  const grantIds = idsIn<GrantId>(grants);
  for (const member of membersIn(set)) {
    const launch = launchIds.next().value as LaunchId;
    const grant = grantIds.next().value as GrantId;
    const row = rest.has(member.index) ? podAt(rows, service, pod, member.index) : undefined;
    if (row !== undefined) launchPod(rows, row, set, { ...member, launch, grant });
  }
}

function launchPod(
  rows: ServicesRows,
  row: PodRow,
  { task: name, version, incarnation, plan }: DataOf<'LaunchOrdered'>,
  { agent: number, epoch, ports, gpuIds, volumes, launch, grant }: Member & { launch: LaunchId; grant: GrantId },
): void {
  const held = row.seat?.grant === grant ? row.seat : undefined;
  const named = Object.fromEntries(Object.entries(ports).map(([port, value]) => [`${name}.${port}`, value]));
  const seat: Seat = {
    grant,
    agent: agentOfNumber(rows, number),
    number,
    epoch,
    ports: { ...held?.ports, ...named },
    gpuIds: [...new Set([...(held?.gpuIds ?? []), ...gpuIds])].sort(),
    volumes,
    used: held?.used ?? false,
  };
  if (plan !== undefined) return putPod(rows, visited({ ...row, seat }, plan, name, { launch, incarnation }));
  const known = row.launched === undefined || row.launched === version;
  const tasks = known ? row.tasks : mapTasks(row.tasks, (task) => (task.status === 'idle' ? dropped(task) : task));
  const failures = (known ? row.tasks[name]?.failures : undefined) ?? 0;
  const task: TaskRow = { launch, incarnation, status: 'ordered', failures };
  const all = withLater(rows, { ...row, launched: version }, { ...tasks, [name]: task });
  putPod(rows, {
    ...withoutRequest(row),
    stopReason: undefined,
    until: undefined,
    waits: undefined,
    sized: undefined,
    preemptedBy: undefined,
    probationUntil: undefined,
    status: 'live',
    seat,
    launched: version,
    tasks: inOrder(all),
  });
}

/** With those of its tasks that start only after others. */
function withLater(rows: ServicesRows, { service, pod, launched }: PodRow, tasks: PodRow['tasks']): PodRow['tasks'] {
  const recipe = recipeAt(rows, service, launched!, pod);
  if (recipe === undefined || !recipe.tasks.some(({ wave }) => wave > 0)) return tasks;
  const all: Record<string, TaskRow> = { ...tasks };
  const before = tallyOf(rows, service, pod).incarnation;
  for (const { name, wave } of recipe.tasks) {
    const { status = 'idle', incarnation = before, failures = 0 } = all[name] ?? {};
    if (status !== 'idle' && status !== 'dropped') continue;
    if (!isWaveOpen(recipe, all, wave)) all[name] = { incarnation, failures, status: 'later' };
  }
  return all;
}

/** A step of a plan runs a task beside those of the pod. */
function visited(row: PodRow, plan: string, name: string, launched: Pick<TaskRow, 'launch' | 'incarnation'>): PodRow {
  const { done } = row.tasks[name] ?? {};
  const kept = done === undefined ? {} : { done };
  const task: TaskRow = { ...launched, status: 'ordered', failures: 0, visit: true, ...kept };
  return { ...visitLaunched(row, plan), tasks: inOrder({ ...row.tasks, [name]: task }) };
}

export function killOrdered(rows: ServicesRows, data: DataOf<'KillOrdered'>): void {
  for (const launch of stopMembers(rows, data)) {
    const row = podOfLaunch(rows, launch);
    // What a step runs there ends alone.
    if (row === undefined || data.reason === 'overdue') continue;
    const status = row.status === 'waiting' ? 'waiting' : 'stopping';
    putPod(rows, { ...row, status, stopReason: data.reason, preemptedBy: data.by ?? row.preemptedBy });
  }
}

/** While its service is uninstalled, a returned grant is remembered until the allocator has released it. */
export function grantReturned(rows: ServicesRows, data: DataOf<'GrantReturned'>): void {
  const destroyVolumes = data.destroyVolumes === true;
  const { rest, agents } = returnMembers(rows, data.grants);
  const left = new Set<AgentId>();
  for (const grant of rest) {
    const pod = podOfGrant(rows, grant);
    const gone = pod === undefined ? rows.leaving.get(grant) : leavingOf(rows, pod, pod.seat!);
    if (gone === undefined) continue;
    left.add(gone.agent);
    const service = rows.services.get(gone.service);
    const uninstalling = service?.generation === gone.generation && service.uninstalling;
    if (uninstalling) rows.leaving.put(grant, { ...gone, launches: [], destroyVolumes, returned: true });
    else rows.leaving.delete(grant);
    if (uninstalling && destroyVolumes && pod?.seat?.grant === grant && pod.seat!.volumes.length > 0) {
      rows.services.put(gone.service, { ...service, destroyed: true });
    }
    if (pod !== undefined) putPod(rows, afterReturn(pod, grant));
  }
  for (const [key] of [...rows.agents.by('state', 'GONE')]) {
    const agent = key as AgentId;
    if (left.has(agent) || agents.has(numberOf(rows, agent)!)) forgetGoneAgent(rows, agent);
  }
}

export function releaseNoted(rows: ServicesRows, { grants }: DataOf<'ReleaseNoted'>): void {
  for (const grant of releaseMembers(rows, grants)) {
    const row = rows.leaving.get(grant);
    rows.leaving.delete(grant);
    if (row !== undefined) forgetGoneAgent(rows, row.agent);
  }
}

export function tasksObserved(rows: ServicesRows, data: DataOf<'TasksObserved'>): void {
  const { state, at } = data;
  for (const launch of observeMembers(rows, data)) {
    const row = podOfLaunch(rows, launch);
    if (row !== undefined) observePod(rows, row, launch, state, at);
    else if (state === 'ENDED' || state === 'FINISHED') endLeaving(rows, launch);
  }
}

export function probationPassed(rows: ServicesRows, { service, pod, indexes }: DataOf<'ProbationPassed'>): void {
  for (const row of rowsIn(rows, service, pod, indexes)) {
    const proven = withoutProbation(row);
    putPod(rows, proven);
    rejoin(rows, proven);
  }
}

export function retryScheduled(rows: ServicesRows, data: DataOf<'RetryScheduled'>): void {
  const row = podAt(rows, data.service, data.pod, data.index);
  const task = row?.tasks[data.task];
  if (row === undefined || task === undefined) return;
  const { until, failures } = data;
  if (data.plan !== undefined) return putPod(rows, visitDelayed(row, data.plan, until, failures));
  if (data.wholePod === true) {
    putPod(rows, { ...row, until, tasks: { ...row.tasks, [data.task]: { ...task, failures } } });
  } else {
    putPod(rows, { ...row, tasks: { ...row.tasks, [data.task]: { ...task, failures, until } } });
  }
}

export function replaceStarted(rows: ServicesRows, data: DataOf<'ReplaceStarted'>): void {
  for (const index of numbersIn(data.indexes)) {
    const row = podAt(rows, data.service, data.pod, index);
    if (row === undefined) continue;
    const vouched = data.cause === 'operator';
    if (row.seat !== undefined) rows.leaving.put(row.seat.grant, { ...leavingOf(rows, row, row.seat), vouched });
    const later = data.from === undefined ? {} : { until: data.from };
    const left = row.seat === undefined || !holdsData(row) ? undefined : addressOf(rows, row.seat.number);
    const replaces = left === undefined ? {} : { replaces: left };
    const made = data.by === undefined ? {} : { preemptedBy: data.by };
    putPod(rows, { ...unseated(row), status: 'placing', attempt: 0, ...later, ...replaces, ...made });
  }
  const service = rows.services.get(data.service);
  if (data.from === undefined || service === undefined) return;
  rows.services.put(data.service, { ...service, replacedAt: data.from });
}

export function leftBehind(rows: ServicesRows, { grants }: DataOf<'LeftBehind'>): void {
  for (const grant of idsIn<GrantId>(grants)) {
    const pod = podOfGrant(rows, grant);
    const row = pod === undefined ? rows.leaving.get(grant) : leavingOf(rows, pod, pod.seat!);
    if (row === undefined) continue;
    rows.leaving.put(grant, { ...row, destroyVolumes: true, leftBehind: true });
    if (pod !== undefined) putPod(rows, unseated(pod));
  }
}

export function recoveryWaiting(rows: ServicesRows, data: DataOf<'RecoveryWaiting'>): void {
  const row = podAt(rows, data.service, data.pod, data.index);
  if (row === undefined) return;
  const { until: _, ...rest } = row;
  putPod(rows, { ...rest, status: 'waiting', ...(data.until === undefined ? {} : { until: data.until }) });
}

export function recoveryEnded(rows: ServicesRows, data: DataOf<'RecoveryEnded'>): void {
  for (const index of numbersIn(data.indexes)) {
    const row = podAt(rows, data.service, data.pod, index);
    if (row === undefined) continue;
    const { until: _, ...rest } = row;
    if (row.status === 'placing') putPod(rows, rest);
    if (row.status !== 'waiting') continue;
    const stopping = row.stopReason !== undefined && launchesOf(row).length > 0;
    putPod(rows, { ...rest, status: stopping ? 'stopping' : 'live' });
  }
}

export function podPaused(rows: ServicesRows, { service, pod, index, tasks }: DataOf<'PodPaused'>): void {
  const row = podAt(rows, service, pod, index);
  if (row !== undefined) putPod(rows, { ...row, paused: [...(row.paused ?? []), ...tasks].sort() });
}

export function podResumed(rows: ServicesRows, { service, pod, index, tasks }: DataOf<'PodResumed'>): void {
  const row = podAt(rows, service, pod, index);
  if (row === undefined) return;
  const { paused = [], ...rest } = row;
  const left = paused.filter((task) => !tasks.includes(task));
  putPod(rows, left.length === 0 ? rest : { ...rest, paused: left });
}

export function agentNoted(rows: ServicesRows, { agent, epoch, state, more }: DataOf<'AgentNoted'>): void {
  if (state === 'ACTIVE') rows.agents.delete(agent);
  else rows.agents.put(agent, more === true ? { state, more: epoch } : { state });
  for (const [, row] of [...rows.pods.by('agent', agent)]) {
    if (row.seat!.epoch !== epoch) putPod(rows, { ...row, seat: { ...row.seat!, epoch } });
  }
  noteEpoch(rows, agent, epoch);
  forgetGoneAgent(rows, agent);
}

function observePod(
  rows: ServicesRows,
  row: PodRow,
  launch: LaunchId,
  state: DataOf<'TasksObserved'>['state'],
  at: number,
): void {
  const [name, task] = Object.entries(row.tasks).find(([, candidate]) => candidate.launch === launch)!;
  const after = task.visit === true ? seenVisiting(task, state, versionOfVisit(rows, row)) : observed(task, state, at);
  const tasks = { ...row.tasks, [name]: after };
  const left = Object.values(tasks).filter(({ status, visit }) => status !== 'dropped' && visit !== true);
  const finished = left.length > 0 && left.every(({ status }) => status === 'finished');
  const uses = state !== 'ENDED' && row.seat !== undefined;
  const told = after.status === 'dropped' ? visitEnded(row, state === 'FINISHED') : row;
  // Who reaches its goal while it is being ended has reached it.
  const ending = row.status === 'live' || row.status === 'stopping';
  const done = finished && ending && after.visit !== true;
  const now = upAgain({
    ...told,
    seat: uses ? { ...row.seat, used: true } : told.seat,
    attempt: uses ? 0 : told.attempt,
    tasks,
    status: done ? 'finished' : told.status,
  });
  const seen = withProbation(rows, row, now, at);
  putPod(rows, seen);
  if (state === 'READY') rejoin(rows, seen);
}

/** Once over it is none of the pod's tasks any more; that it reached its goal is kept. */
function seenVisiting(task: TaskRow, state: DataOf<'TasksObserved'>['state'], version: number | undefined): TaskRow {
  const { incarnation, done } = task;
  if (state === 'RUNNING' || state === 'READY') return { ...task, status: 'running' };
  const at = state === 'FINISHED' ? (version ?? done) : done;
  return { incarnation, failures: 0, status: 'dropped', ...(at === undefined ? {} : { done: at }) };
}

function versionOfVisit(rows: ServicesRows, { service, visits }: PodRow): number | undefined {
  const visit = visits?.find(({ launched }) => launched);
  const plan = visit === undefined ? undefined : rows.plans.get(planKey(service, visit.plan));
  return plan?.run === visit?.run ? plan?.version : undefined;
}

/** Once it is up its former place means nothing any more. */
function upAgain(row: PodRow): PodRow {
  if (row.replaces === undefined || !isServing(row)) return row;
  return { ...row, replaces: undefined };
}

function observed(task: TaskRow, state: DataOf<'TasksObserved'>['state'], at: number): TaskRow {
  const { incarnation, failures } = task;
  switch (state) {
    case 'RUNNING':
      return { ...task, status: 'running', since: task.since ?? at };
    case 'READY':
      return { ...task, status: 'ready', since: task.since ?? at };
    case 'FINISHED':
      return { incarnation, failures: 0, status: 'finished' };
    case 'ENDED':
      return { incarnation, failures, status: 'idle' };
  }
}

function endLeaving(rows: ServicesRows, launch: LaunchId): void {
  const found = leavingOfLaunch(rows, launch);
  if (found === undefined) return;
  const [grant, row] = found;
  rows.leaving.put(grant, { ...row, launches: row.launches.filter((other) => other !== launch) });
}

function leavingOf(rows: ServicesRows, row: PodRow, seat: Seat): LeavingRow {
  return {
    service: row.service,
    generation: rows.services.get(row.service)!.generation,
    pod: row.pod,
    index: row.index,
    agent: seat.agent,
    launches: launchesOf(row),
    destroyVolumes: false,
    returned: false,
    leftBehind: false,
    vouched: false,
  };
}

/** Holds nothing any more; what has finished stays finished, and incarnations count on. */
function unseated(row: PodRow): PodRow {
  const tasks = mapTasks(row.tasks, ({ incarnation, failures, status, visit, done }) => {
    const kept = status === 'finished' || status === 'dropped';
    const ended: TaskStatus = visit === true ? 'dropped' : kept ? status : 'idle';
    return { incarnation, failures, status: ended, ...(done === undefined ? {} : { done }) };
  });
  return {
    ...withoutFormerLife(row),
    seat: undefined,
    resizing: undefined,
    stopReason: undefined,
    until: undefined,
    waits: undefined,
    sized: undefined,
    probationUntil: undefined,
    visits: row.visits === undefined ? undefined : visitsCutOff(row.visits),
    status: row.status === 'finished' ? 'finished' : 'placing',
    tasks,
  };
}

/** What was drained left nothing behind: who has its index later is new. */
function withoutFormerLife(row: PodRow): PodRow {
  if (row.drained === undefined) return row;
  return { ...row, drained: undefined, launched: undefined, replaces: undefined, paused: undefined };
}

/** By name, so that a state from a snapshot walks them as the one that lived. */
function inOrder(tasks: PodRow['tasks']): PodRow['tasks'] {
  return Object.fromEntries(Object.entries(tasks).sort(([left], [right]) => (left < right ? -1 : 1)));
}

/** With the grant that it sits on goes its place, unless it has another size there. */
function afterReturn(row: PodRow, returned: GrantId): PodRow {
  const { seat, resizing } = row;
  if (seat?.grant !== returned) return withoutSize(row);
  if (resizing?.grant === undefined) return unseated(row);
  const { asked, grant, ports = {}, gpuIds = [] } = resizing;
  const rest = { ...row, resizing: undefined, stopReason: undefined, until: undefined, probationUntil: undefined };
  return { ...rest, status: 'live', sized: asked, seat: { ...seat, grant, ports, gpuIds } };
}

function withoutSize(row: PodRow): PodRow {
  return row.resizing === undefined ? row : { ...row, resizing: undefined };
}

function withoutRequest(row: PodRow): PodRow {
  return { ...row, request: undefined, asked: undefined, avoid: undefined };
}

function dropped({ incarnation }: TaskRow): TaskRow {
  return { incarnation, failures: 0, status: 'dropped' };
}

function mapTasks(tasks: PodRow['tasks'], change: (task: TaskRow) => TaskRow): PodRow['tasks'] {
  return Object.fromEntries(Object.entries(tasks).map(([name, task]) => [name, change(task)]));
}

/** A machine that is gone is forgotten with the last thing that was held there. */
function forgetGoneAgent(rows: ServicesRows, agent: AgentId): void {
  if (rows.agents.get(agent)?.state !== 'GONE') return;
  for (const _ of rows.pods.by('agent', agent)) return;
  for (const _ of rows.leaving.by('agent', agent)) return;
  if (membersOn(rows, agent).length === 0) rows.agents.delete(agent);
}
