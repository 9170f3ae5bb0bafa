import type { AgentOrder, Launch, LaunchId, LaunchSet, TaskTemplate } from '@orrery/contracts';
import { unreachable, type EpochMs } from '@orrery/kernel';
import { isSafeName } from '@orrery/runtimes';
import { isLive, type LaunchKind, type LaunchRow } from './agent-state.js';
import { sendInventory } from './reports.js';
import { requestKill } from './tasks.js';
import type { Turn } from './turn.js';
import { doomVolumes } from './volumes.js';

type OrderOf<Type extends AgentOrder['type']> = Extract<AgentOrder, { type: Type }>;

/** Ends that the cluster has not acknowledged. */
const ENDED_KEPT_MAX = 5000;

/**
 * Which orders count: those for this process, of its cluster and its registration, n by n. Lower ones were obeyed before;
 * a higher one means that something was lost: it is left, heartbeats tell the last n obeyed, and a Sync heals the gap.
 */
export function obey(turn: Turn, order: AgentOrder, at: EpochMs): void {
  const { state } = turn;
  if (order.agent !== state.agent || order.session !== state.session) return;
  if (state.standDown !== undefined || state.leaving) return;
  if (order.type === 'StandDown') return standDown(turn, order, at);
  if (isForeign(turn, order)) return;
  acknowledge(turn, order);
  if (order.type === 'Sync') {
    if (order.epoch < state.epoch || (order.epoch === state.epoch && order.n <= state.obeyed)) return;
    return synchronise(turn, order, at);
  }
  if (order.epoch > state.epoch && order.n === 1) register(turn, { ...order, n: 0 });
  if (order.epoch !== state.epoch || order.n !== state.obeyed + 1) return;
  turn.record({ type: 'Obeyed', n: order.n });
  carryOut(turn, order, at);
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

function carryOut(turn: Turn, order: Exclude<AgentOrder, { type: 'Sync' | 'StandDown' }>, at: EpochMs): void {
  switch (order.type) {
    case 'Launch':
      keepTemplate(turn, order.set.templateDigest, order.template);
      for (const launch of order.set.launches) want(turn, launch, order.set, at);
      return;
    case 'Kill':
      for (const launch of order.launches) kill(turn, launch, at, order.graceMs);
      return;
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
  register(turn, order);
  for (const [digest, template] of Object.entries(order.templates)) keepTemplate(turn, digest, template);
  const spokenOf = new Set<LaunchId>(order.kill);
  for (const { set } of order.keep) {
    for (const launch of set.launches) {
      spokenOf.add(launch.launch);
      want(turn, launch, set, at);
    }
  }
  for (const launch of order.kill) kill(turn, launch, at);
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

function register(turn: Turn, { journalId, epoch, n }: Pick<AgentOrder, 'journalId' | 'epoch' | 'n'>): void {
  turn.record({ type: 'Registered', journalId, epoch, n });
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
  if (!isSafeName(launch.launch)) return refuse(turn, launch, at, 'its id is no plain name of a file');
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
function acknowledge(turn: Turn, { epoch, reported = 0 }: AgentOrder): void {
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
  turn.then({ type: 'release', launches: launches.filter(isSafeName) });
}

function kindOf({ service, generation, version, pod, task, templateDigest }: LaunchSet): LaunchKind {
  return { service, generation, version, pod, task, templateDigest };
}
