import {
  extrasAt,
  IdCursor,
  idOf,
  idsIn,
  RangeCursor,
  type AgentOrder,
  type GrantId,
  type LaneOrder,
  type LaunchId,
  type LaunchSet,
  type TaskTemplate,
  valueAt,
} from '@orrery/contracts';
import { unreachable, type EpochMs } from '@orrery/kernel';
import { isNext, ownPart, takesSync } from '../agent-session.js';
import { isLive, type Launch, type LaunchKind, type LaunchRow } from './agent-state.js';
import { sendInventory } from './reports.js';
import { requestKill } from './tasks.js';
import type { Turn } from './turn.js';
import { doomVolumes } from './volumes.js';

type OrderOf<Type extends AgentOrder['type']> = Extract<AgentOrder, { type: Type }>;

/** Ends that the cluster has not acknowledged. */
const ENDED_KEPT_MAX = 5000;

export function obey(turn: Turn, order: AgentOrder | LaneOrder, at: EpochMs): void {
  const { state } = turn;
  if (state.standDown !== undefined || state.leaving) return;
  if ('to' in order) obeyLane(turn, order, at);
  else if (order.agent === state.agent && order.session === state.session) obeyOwn(turn, order, at);
}

/**
 * Which orders count: those for this process, of its cluster and its registration, n by n. Lower ones were obeyed before;
 * a higher one means that something was lost: it is left, heartbeats tell the last n obeyed, and a Sync heals the gap.
 */
function obeyOwn(turn: Turn, order: AgentOrder, at: EpochMs): void {
  const { state } = turn;
  if (order.type === 'StandDown') return standDown(turn, order, at);
  if (isForeign(turn, order)) return;
  acknowledge(turn, order);
  if (order.type === 'Sync') {
    if (takesSync(state, order)) synchronise(turn, order, at);
    return;
  }
  if (!isNext(state, order)) return;
  turn.record({ type: 'Obeyed', n: order.n });
  carryOut(turn, order);
}

/** What is told to all agents of a lane; most of it is for others. */
function obeyLane(turn: Turn, order: LaneOrder, at: EpochMs): void {
  const own = ownPart(order, turn.state);
  if (own === undefined) return;
  acknowledge(turn, own);
  if (!isNext(turn.state, own)) return;
  turn.record({ type: 'Obeyed', n: own.n });
  if (order.type === 'Kills') {
    for (const launch of idsIn<LaunchId>(order.launches[own.at] ?? [])) kill(turn, launch, at, order.graceMs);
    return;
  }
  keepTemplate(turn, order.set.templateDigest, order.template);
  for (const launch of launchesIn(order.set, own.at)) want(turn, launch, order.set, at);
}

/** Those of one of the agents of a set. */
function launchesIn(set: LaunchSet, agentAt: number): Launch[] {
  const { counts } = set.agents;
  const count = valueAt(counts, agentAt);
  const before = counts.length === 1 ? agentAt * count : counts.slice(0, agentAt).reduce((sum, each) => sum + each, 0);
  const [launches, grants, indexes] = [
    new IdCursor(set.launches),
    new IdCursor(set.grants),
    new RangeCursor(set.indexes),
  ];
  for (const cursor of [launches, grants, indexes]) cursor.skip(before);
  const found: Launch[] = [];
  for (let position = before; position < before + count; position += 1) {
    let [launch, grant, index] = ['' as LaunchId, '' as GrantId, 0];
    launches.take(1, (seq, ordinal) => (launch = idOf(seq, ordinal)));
    grants.take(1, (seq, ordinal) => (grant = idOf(seq, ordinal)));
    indexes.take(1, (first) => (index = first));
    found.push({ launch, grant, index, incarnation: set.incarnation, ...extrasAt(set, position) });
  }
  return found;
}

/** An agent with tasks belongs to one cluster: another one's truth would kill them all. */
function isForeign(turn: Turn, { journalId }: AgentOrder): boolean {
  const { state } = turn;
  if (state.journalId === '' || state.journalId === journalId) return false;
  const live = [...state.launches.values()].filter(isLive).length;
  if (live === 0) return false;
  turn.say(
    'warn',
    `holds ${live} tasks of cluster ${state.journalId} and obeys no orders of ${journalId}: end them, then start with an empty folder`,
  );
  return true;
}

function carryOut(turn: Turn, order: Exclude<AgentOrder, { type: 'Sync' | 'StandDown' }>): void {
  switch (order.type) {
    case 'DestroyVolumes':
      return doomVolumes(turn, order.volumes);
    case 'OpenStream': {
      const { stream, launch, kind, path, cmd, terminal, from, follow, limitBytes, untilMs } = order;
      const opened = { stream, launch, kind, from, follow, limitBytes, untilMs };
      const more = {
        ...(path !== undefined && { path }),
        ...(cmd !== undefined && { cmd }),
        ...(terminal !== undefined && { terminal }),
      };
      return turn.then({ type: 'open-stream', stream: { ...opened, ...more } });
    }
    default:
      return unreachable(order);
  }
}

/** The whole truth as of n. Acknowledges every end that it does not speak of. */
function synchronise(turn: Turn, order: OrderOf<'Sync'>, at: EpochMs): void {
  const { journalId, number, epoch, n } = order;
  turn.record({ type: 'Registered', journalId, number, epoch, n });
  for (const [digest, template] of Object.entries(order.templates)) keepTemplate(turn, digest, template);
  const killed = [...idsIn<LaunchId>(order.kill)];
  const spokenOf = new Set<LaunchId>(killed);
  for (const set of order.keep) {
    for (const launch of set.agents.numbers.flatMap((_, agentAt) => launchesIn(set, agentAt))) {
      spokenOf.add(launch.launch);
      want(turn, launch, set, at);
    }
  }
  for (const launch of killed) kill(turn, launch, at);
  const others = [...turn.state.launches.values()].filter(({ launch }) => !spokenOf.has(launch.launch));
  for (const row of others.filter(isLive)) kill(turn, row.launch.launch, at);
  forget(
    turn,
    others.filter((row) => !isLive(row)),
  );
  doomVolumes(turn, order.volumes);
  for (const stream of order.streams) turn.then({ type: 'open-stream', stream });
  if (order.askInventory) sendInventory(turn, at);
}

function keepTemplate(turn: Turn, digest: string, template: TaskTemplate): void {
  if (!turn.state.templates.has(digest)) turn.record({ type: 'TemplateKept', digest, template });
}

/** Begins a launch that is new here or waits for this word; tells its end again when it has ended. */
function want(turn: Turn, launch: Launch, set: LaunchSet, at: EpochMs): void {
  const known = turn.state.launches.get(launch.launch);
  if (known === undefined) turn.record({ type: 'LaunchOrdered', at, launch, kind: kindOf(set) });
  else if (known.held) turn.record({ type: 'LaunchFreed', at, launch: launch.launch });
  else return isLive(known) ? undefined : repeatEnd(turn, known);
  const row = turn.state.launches.get(launch.launch)!;
  const template = turn.state.templates.get(row.kind.templateDigest);
  if (template !== undefined) return turn.then({ type: 'start', row, template });
  refuse(turn, launch, at, 'its template did not come with the order');
}

function refuse(turn: Turn, { launch }: Launch, at: EpochMs, message: string): void {
  turn.record({ type: 'TaskEnded', launch, state: 'ERROR', end: { at, reason: 'start-failed', message } });
}

function kill(turn: Turn, launch: LaunchId, at: EpochMs, graceMs?: number): void {
  const row = turn.state.launches.get(launch);
  if (row === undefined) return turn.record({ type: 'UnknownKilled', launch, at });
  if (!isLive(row)) return repeatEnd(turn, row);
  requestKill(turn, row, { cause: 'killed', at, ...(graceMs !== undefined && { graceMs }) });
}

function repeatEnd(turn: Turn, { launch: { launch } }: LaunchRow): void {
  const told = turn.state.pendingTasks.some((item) => item.launch === launch && item.state !== 'RUNNING');
  if (!told) turn.record({ type: 'EndRepeated', launch });
}

function standDown(turn: Turn, { reason, killTasks }: OrderOf<'StandDown'>, at: EpochMs): void {
  turn.record({ type: 'StoodDown', reason, killTasks });
  turn.say(
    'warn',
    `stands down (${reason}): ${killTasks ? 'ends its tasks' : 'its tasks live on, it obeys nothing more'}`,
  );
  if (!killTasks) return;
  for (const row of [...turn.state.launches.values()].filter(isLive)) requestKill(turn, row, { cause: 'killed', at });
}

/**
 * An end may be forgotten once the journal has it: so the head of an order says, or a Sync that doesn't speak of it. Without
 * either, the oldest ends that a report told go when too many are kept.
 */
function acknowledge(turn: Turn, { epoch, reported = 0 }: Pick<AgentOrder, 'epoch' | 'reported'>): void {
  const told = [...turn.state.launches.values()].filter(({ end }) => end?.toldIn?.epoch === epoch);
  const known = told.filter(({ end }) => end!.toldIn!.m <= reported);
  const tooMany = Math.max(0, told.length - known.length - ENDED_KEPT_MAX);
  const oldest = told.filter(({ end }) => end!.toldIn!.m > reported).slice(0, tooMany);
  forget(turn, [...known, ...oldest]);
}

function forget(turn: Turn, rows: readonly LaunchRow[]): void {
  if (rows.length === 0) return;
  const launches = rows.map(({ launch }) => launch.launch);
  turn.record({ type: 'LaunchesForgotten', launches });
  turn.then({ type: 'release', launches });
}

function kindOf({ service, generation, version, pod, task, templateDigest }: LaunchSet): LaunchKind {
  return { service, generation, version, pod, task, templateDigest };
}
