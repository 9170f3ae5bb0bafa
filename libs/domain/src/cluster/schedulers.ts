import { accept, reject, type Decision, type DecisionContext } from '@orrery/kernel';
import {
  IdRunsBuilder,
  idsIn,
  isOfScheduler,
  membersIn,
  MembersBuilder,
  ordinalOf,
  OWN_SEQ_FROM,
  seqOf,
  serviceOfScheduler,
  taskTemplateOf,
  templateDigestOf,
  type AllocationEventOf,
  type ClusterEvent,
  type ClusterEventOf,
  type GrantId,
  type IdRuns,
  type LaunchCommand,
  type LaunchId,
  type TaskTemplate,
} from '@orrery/contracts';
import { dropGrants } from './evolve-launches.js';
import { launchOf } from './find.js';
import { refusalOf } from './launches.js';
import { isLive, keyOfId, type ClusterState, type LaunchRow, type OpenGrantRow } from './state.js';

/**
 * Other people's schedulers: the master keeps what they were granted, so that it can judge by itself what they launch.
 *
 *   GrantsOpened ──▶ open ──GrantsClosing──▶ closing ──GrantsClosed──▶ (row gone)
 *                     │                        what still runs was killed; closed when the last launch has ended
 *                     └─ launch, as long as all that lives on the grant fits into it
 */

// --- State ----------------------------------------------------------------------------------------------------------

export function grantsOpened(state: ClusterState, data: ClusterEventOf<'GrantsOpened'>['data']): void {
  const ids = idsIn<GrantId>(data.grants);
  for (const { index, agent, epoch, ports, gpuIds } of membersIn(data)) {
    const grant = ids.next().value as GrantId;
    const { service, pod, needs } = data;
    state.grants.put(keyOfId(grant), { grant, service, pod, index, on: agent, epoch, needs, ports, gpuIds, tasks: {} });
  }
}

/** What a scheduler launched is found again by its grant. */
export function noteLaunches(state: ClusterState, set: ClusterEventOf<'LaunchAccepted'>['data']): void {
  if (!isOfScheduler(set.service)) return;
  const launches = idsIn<LaunchId>(set.launches);
  for (const grant of idsIn<GrantId>(set.grants)) {
    const launch = launches.next().value as LaunchId;
    const row = state.grants.get(keyOfId(grant));
    if (row === undefined) continue;
    const tasks = { ...row.tasks, [set.task]: { launch, incarnation: set.incarnation } };
    state.grants.put(keyOfId(grant), { ...row, tasks });
  }
}

export function grantsClosing(state: ClusterState, { grants }: ClusterEventOf<'GrantsClosing'>['data']): void {
  for (const grant of idsIn<GrantId>(grants)) {
    const row = state.grants.get(keyOfId(grant));
    if (row !== undefined) state.grants.put(keyOfId(grant), { ...row, closing: true });
  }
}

export function grantsClosed(state: ClusterState, { grants }: ClusterEventOf<'GrantsClosed'>['data']): void {
  dropGrants(state, grants);
  for (const grant of idsIn<GrantId>(grants)) state.grants.delete(keyOfId(grant));
}

// --- Decisions ------------------------------------------------------------------------------------------------------

/** Places that a scheduler was given; those of services are told with each launch. */
export function openGrants(data: AllocationEventOf<'Placed'>['data']): Decision<ClusterEvent> {
  if (!isOfScheduler(data.service)) return accept();
  const { request: _, ...opened } = data;
  return accept({ type: 'GrantsOpened', data: opened });
}

export function returnGrants(
  { grants }: AllocationEventOf<'GrantsReturning'>['data'],
  state: ClusterState,
): Decision<ClusterEvent> {
  const rows = rowsOf(state, grants).filter((row) => row.closing !== true);
  if (rows.length === 0) return accept();
  const kills = new IdRunsBuilder();
  for (const row of rows) for (const { launch } of livingOn(state, row)) kills.addId(launch);
  const closing = {
    type: 'GrantsClosing' as const,
    data: { grants: runsOf(rows.map(({ grant }) => grant)) },
  } satisfies ClusterEvent;
  if (kills.count === 0) return accept<ClusterEvent>(closing);
  return accept<ClusterEvent>(closing, { type: 'KillAccepted', data: { launches: kills.runs, final: true } });
}

/** Grants on which the last launch has ended. */
export function mayClose(state: ClusterState): boolean {
  for (const [, row] of state.grants.by('closing', 'yes')) if (livingOn(state, row).length === 0) return true;
  return false;
}

export function closeGrants(state: ClusterState): ClusterEvent[] {
  const empty = new Map<string, OpenGrantRow[]>();
  for (const [, row] of state.grants.by('closing', 'yes')) {
    if (livingOn(state, row).length > 0) continue;
    const others = empty.get(row.service);
    if (others === undefined) empty.set(row.service, [row]);
    else others.push(row);
  }
  return Array.from(empty.values(), (rows) => ({
    type: 'GrantsClosed',
    data: { service: rows[0]!.service, generation: 0, grants: runsOf(rows.map(({ grant }) => grant)) },
  }));
}

type Launch = Extract<LaunchCommand, { type: 'Launch' }>['body'];

/** All of them or none: a scheduler knows what it holds. */
export function launchForScheduler(
  body: Launch,
  state: ClusterState,
  context: DecisionContext,
): Decision<ClusterEvent> {
  const template = taskTemplateOf(body.task, body.image === undefined ? {} : { image: body.image });
  const gpus = body.task.gpus ?? 0;
  const rows: OpenGrantRow[] = [];
  for (const [at, grant] of body.grants.entries()) {
    const row = /^\d+\.\d+$/.test(grant) ? state.grants.get(keyOfId(grant)) : undefined;
    const refusal = refusalOfLaunch(row, body, { template, gpus }, state);
    if (refusal !== undefined) return reject(refusal.code, refusal.message, { field: `/grants/${at}` });
    rows.push(row!);
  }
  const digest = templateDigestOf(template);
  const kept: ClusterEvent[] = state.templates.has(digest)
    ? []
    : [{ type: 'TemplateKept', data: { digest, template } }];
  return accept(...kept, ...setsOf(body, rows, state, digest, context));
}

function refusalOfLaunch(
  row: OpenGrantRow | undefined,
  { scheduler, name }: Launch,
  asked: { readonly template: TaskTemplate; readonly gpus: number },
  state: ClusterState,
): { readonly code: string; readonly message: string } | undefined {
  if (row === undefined) return { code: 'unknown-grant', message: 'no such grant is open for launches' };
  const { grant, service, on, epoch } = row;
  if (service !== serviceOfScheduler(scheduler))
    return { code: 'not-yours', message: `grant ${grant} is of ${service}` };
  if (row.closing === true) return { code: 'grant-returned', message: `grant ${grant} was given back` };
  const away = refusalOf(on, epoch, state);
  if (away !== undefined) return { code: away, message: `the agent of grant ${grant} takes no launch` };
  const living = livingOn(state, row);
  if (living.some(({ task }) => task === name))
    return { code: 'task-runs', message: `${name} runs on grant ${grant} already` };
  return exceeded(row, living, asked, state);
}

function exceeded(
  { grant, needs }: OpenGrantRow,
  living: readonly LaunchRow[],
  { template, gpus }: { readonly template: TaskTemplate; readonly gpus: number },
  state: ClusterState,
): { readonly code: string; readonly message: string } | undefined {
  let [cpusMilli, memoryMib, diskMib, devices] = [template.cpusMilli, template.memoryMib, template.diskMib, gpus];
  for (const { templateDigest, gpuIds } of living) {
    const other = state.templates.get(templateDigest)?.template;
    cpusMilli += other?.cpusMilli ?? 0;
    memoryMib += other?.memoryMib ?? 0;
    diskMib += other?.diskMib ?? 0;
    devices += gpuIds.length;
  }
  const over = [
    ['cpus', cpusMilli / 1000, needs.cpusMilli / 1000],
    ['memory', memoryMib, needs.memoryMib],
    ['disk', diskMib, needs.diskMib],
    ['gpus', devices, needs.gpus],
  ] as const;
  const short = over.find(([, asked, held]) => asked > held);
  if (short === undefined) return undefined;
  const [what, asked, held] = short;
  return {
    code: 'grant-exceeded',
    message: `grant ${grant} holds ${held} ${what}, the tasks on it would have ${asked}`,
  };
}

/** One set an agent and incarnation, since those on one agent follow each other in a set. */
function setsOf(
  { name, task }: Launch,
  rows: readonly OpenGrantRow[],
  state: ClusterState,
  templateDigest: string,
  { seq, at, nextIds }: DecisionContext,
): ClusterEvent[] {
  const alike = new Map<string, OpenGrantRow[]>();
  for (const row of rows) {
    const key = `${row.pod}/${row.on}/${incarnationAfter(row, name)}`;
    const others = alike.get(key);
    if (others === undefined) alike.set(key, [row]);
    else others.push(row);
  }
  return Array.from(alike.values(), (group): ClusterEvent => {
    const sorted = group.sort((left, right) => left.index - right.index);
    const { service, pod } = sorted[0]!;
    const members = new MembersBuilder();
    const grants = new IdRunsBuilder();
    for (const row of sorted) {
      const { index, on, epoch } = row;
      const gpuIds = freeGpus(row, state).slice(0, task.gpus ?? 0);
      members.add({ index, agent: on, epoch, ports: portsFor(row, name), gpuIds, volumes: [] });
      grants.addId(row.grant);
    }
    const first = nextIds(sorted.length);
    const launches = [[OWN_SEQ_FROM + seq, first, first + sorted.length - 1]];
    const incarnation = incarnationAfter(sorted[0]!, name);
    const kind = { service, generation: 0, version: 1, pod, task: name, templateDigest, incarnation };
    return { type: 'LaunchAccepted', data: { ...kind, launches, grants: grants.runs, ...members.members, at } };
  });
}

function incarnationAfter({ tasks }: OpenGrantRow, task: string): number {
  return (tasks[task]?.incarnation ?? 0) + 1;
}

function freeGpus(row: OpenGrantRow, state: ClusterState): string[] {
  const taken = new Set(livingOn(state, row).flatMap(({ gpuIds }) => gpuIds));
  return row.gpuIds.filter((id) => !taken.has(id));
}

/** Ports of a grant are named `<task>.<port>`. */
function portsFor({ ports }: OpenGrantRow, task: string): Record<string, number> {
  const own = Object.entries(ports).filter(([name]) => name.startsWith(`${task}.`));
  return Object.fromEntries(own.map(([name, port]) => [name.slice(task.length + 1), port]));
}

export function killForScheduler(
  body: Extract<LaunchCommand, { type: 'Kill' }>['body'],
  state: ClusterState,
): Decision<ClusterEvent> {
  const service = serviceOfScheduler(body.scheduler);
  const kills = new IdRunsBuilder();
  for (const [at, launch] of body.launches.entries()) {
    const row = /^\d+\.\d+$/.test(launch) ? launchOf(state, launch) : undefined;
    if (row === undefined)
      return reject('unknown-launch', `there is no launch ${launch}`, { field: `/launches/${at}` });
    if (row.service !== service)
      return reject('not-yours', `launch ${launch} is of ${row.service}`, { field: `/launches/${at}` });
    if (isLive(row)) kills.addId(launch);
  }
  if (kills.count === 0) return accept();
  const grace = body['grace-secs'];
  const graceMs = grace === undefined ? {} : { graceMs: Math.round(grace * 1000) };
  return accept({ type: 'KillAccepted', data: { launches: kills.runs, ...graceMs } });
}

function rowsOf(state: ClusterState, grants: IdRuns): OpenGrantRow[] {
  return Array.from(idsIn<GrantId>(grants), (grant) => state.grants.get(keyOfId(grant))).filter(
    (row) => row !== undefined,
  );
}

function livingOn(state: ClusterState, { tasks }: OpenGrantRow): LaunchRow[] {
  return Object.values(tasks)
    .map(({ launch }) => launchOf(state, launch))
    .filter((row) => row !== undefined && isLive(row)) as LaunchRow[];
}

function runsOf(grants: readonly GrantId[]): IdRuns {
  const ids = new IdRunsBuilder();
  const sorted = [...grants].sort((left, right) => seqOf(left) - seqOf(right) || ordinalOf(left) - ordinalOf(right));
  for (const grant of sorted) ids.addId(grant);
  return ids.runs;
}
