import {
  idRunsOf,
  rangesOf,
  type AgentId,
  type GrantId,
  type Preemptor,
  type ServicesEventOf,
} from '@orrery/contracts';
import { orderKills, orderLaunches, tasksToStart, type Start } from './launch.js';
import { withTheirGangs } from './gangs.js';
import { requestPlaces, withdrawWishes, type FreshPods, type Wish } from './placement.js';
import { knowsPeers } from './peers.js';
import { podAt, podByKey, predecessorOf } from './pods.js';
import type { Proposal } from './proposal.js';
import { recipeFor } from './recipe.js';
import { dropSizes, recipeOfSeat, resizeMove } from './resizing.js';
import { launchesOf, type PodRow, type ServiceRow, type ServicesRows } from './state.js';
import { fitsSeat, holdsData, isAsWanted, isWanted, mayLeaveData, runsRecipe, wantedCount } from './wanted.js';

type ReplaceCause = ServicesEventOf<'ReplaceStarted'>['data']['cause'];

/**
 * What a pod does next follows from its row and from what is wanted of it, never from how it came there: so whatever
 * crosses on the way, the same row leads to the same move.
 */
type Move =
  | { readonly kind: 'rest' }
  | { readonly kind: 'place' }
  | { readonly kind: 'withdraw'; readonly again: boolean }
  | { readonly kind: 'launch'; readonly start: Start }
  /** Its place is given up; `again`: for another one. */
  | {
      readonly kind: 'leave';
      readonly again: boolean;
      readonly destroyVolumes: boolean;
      readonly cause?: ReplaceCause;
      readonly by?: Preemptor;
      readonly avoid?: AgentId;
    }
  /** What it lacks of another size is asked for, where it is; what it asked for before is given up. */
  | { readonly kind: 'resize'; readonly drops: boolean; readonly asks: boolean; readonly then: Move }
  /** It has another size: it is ended for it. */
  | { readonly kind: 'end' }
  /** It has another size and nothing runs on the old one any more. */
  | { readonly kind: 'take' }
  /** Its data is on a machine that is being drained, and nobody allowed to leave it. */
  | { readonly kind: 'hold' };

const NONE: ReadonlySet<string> = new Set();
const REST: Move = { kind: 'rest' };

/** Lets each of these pods of one service do what comes next. Pods in `refused` were turned away by their agent. */
export function settle(
  proposal: Proposal,
  service: ServiceRow,
  keys: readonly string[],
  refused: ReadonlySet<string> = NONE,
  fresh: readonly FreshPods[] = [],
): void {
  const { state } = proposal;
  const found: Moved[] = [];
  for (const key of keys) {
    const row = podByKey(state, key);
    const move = row === undefined ? REST : nextMove(proposal, service, row, refused.has(key));
    if (move.kind !== 'rest') found.push({ row: row!, move });
  }
  if (found.length === 0 && fresh.length === 0) return;
  const resized = resizeSeats(proposal, service, found);
  const moves = found.map(({ row, move }) => ({ row, move: move.kind === 'resize' ? move.then : move }));
  const withdrawnBy = (again: boolean) =>
    moves.flatMap(({ row, move }) => (move.kind === 'withdraw' && move.again === again ? [row] : []));
  const anew = askingAnew(proposal, service, withdrawnBy(true));
  withdrawWishes(proposal, service, [...withdrawnBy(false), ...anew]);
  const left = leaveSeats(proposal, service, moves);
  const wishes = moves.flatMap(({ row, move }): Wish[] => (move.kind === 'place' ? [{ row, avoid: [] }] : []));
  const again = anew.map((row): Wish => ({ row, avoid: [] }));
  requestPlaces(
    proposal,
    service,
    [...wishes, ...again, ...left, ...resized.wishes].map((wish) => current(state, wish)),
    fresh,
  );
  orderLaunches(
    proposal,
    service,
    [...moves, ...resized.moves].flatMap(({ move }) => (move.kind === 'launch' ? [move.start] : [])),
  );
}

/** Those of their gangs that are still wanted ask with them. */
function askingAnew({ state }: Proposal, service: ServiceRow, rows: readonly PodRow[]): PodRow[] {
  return rows.length === 0 ? [] : withTheirGangs(state, service, rows).filter((row) => isWanted(state, service, row));
}

/** Gives up sizes that are not wanted any more, ends pods for those that they have, and lets them take them. */
function resizeSeats(proposal: Proposal, service: ServiceRow, moves: readonly Moved[]) {
  const { state } = proposal;
  const rowsOf = (is: (move: Move) => boolean) => moves.filter(({ move }) => is(move)).map(({ row }) => row);
  dropSizes(
    proposal,
    service,
    rowsOf((move) => move.kind === 'leave' || (move.kind === 'resize' && move.drops)),
  );
  const wishes = rowsOf((move) => move.kind === 'resize' && move.asks).map((row): Wish => {
    return { row, avoid: [], resizes: row.seat!.grant };
  });
  orderKills(
    proposal,
    service,
    rowsOf((move) => move.kind === 'end'),
    'updated',
  );
  const taking = rowsOf((move) => move.kind === 'take');
  if (taking.length > 0) {
    const grants = idRunsOf(taking.map(({ seat }) => seat!.grant));
    proposal.emit({ type: 'GrantReturned', data: { service: service.name, generation: service.generation, grants } });
  }
  const taken = taking.map(({ pod, index }): Moved => {
    const row = podAt(state, service.name, pod, index)!;
    return { row, move: launchMove(proposal, service, row, true) };
  });
  return { wishes, moves: taken };
}

/** Whatever it does next: the size that it is to have comes first. */
function withResize(proposal: Proposal, service: ServiceRow, row: PodRow, over: boolean, then: () => Move): Move {
  const move = resizeMove(proposal.state, service, row, over);
  if (move === 'take' || move === 'end') return { kind: move };
  if (move === 'none') return then();
  return { kind: 'resize', drops: move !== 'ask', asks: move !== 'drop', then: then() };
}

function nextMove(proposal: Proposal, service: ServiceRow, row: PodRow, refused: boolean): Move {
  const wanted = isWanted(proposal.state, service, row);
  switch (row.status) {
    case 'placing':
      return wishOf(proposal, service, row, wanted);
    case 'waiting':
      return REST;
    case 'finished':
      return afterFinish(proposal, service, row, wanted);
    case 'live':
    case 'stopping':
      if (launchesOf(row).length === 0) return afterEnd(proposal, service, row, wanted, refused);
      return row.status === 'live'
        ? withResize(proposal, service, row, false, () => launchMove(proposal, service, row, false))
        : REST;
  }
}

function wishOf(proposal: Proposal, service: ServiceRow, row: PodRow, wanted: boolean): Move {
  const rows = proposal.state;
  if (row.request === undefined) {
    const due = (row.until ?? 0) <= proposal.context.at;
    return wanted && due && mayBePlaced(rows, service, row) ? { kind: 'place' } : REST;
  }
  if (!wanted) return { kind: 'withdraw', again: false };
  if (row.asked === undefined || row.asked === row.recipe) return REST;
  const asked = recipeFor(rows, service, { ...row, recipe: row.asked });
  const same = asked?.placeDigest === recipeFor(rows, service, row)?.placeDigest;
  return same ? REST : { kind: 'withdraw', again: true };
}

/** Two lives of a pod with a volume never overlap, so the next one waits until the last is known to be over. */
export function mayBePlaced(rows: ServicesRows, service: ServiceRow, row: PodRow): boolean {
  const needs = recipeFor(rows, service, row)?.needs;
  return needs === undefined || needs.volumes.length === 0 || predecessorOf(rows, row) === undefined;
}

function afterFinish(proposal: Proposal, service: ServiceRow, row: PodRow, wanted: boolean): Move {
  if (!wanted) return row.seat === undefined ? REST : { kind: 'leave', again: false, destroyVolumes: true };
  if (row.step !== undefined && !isAsWanted(proposal.state, service, row)) {
    if (row.seat === undefined) return { kind: 'place' };
    if (fitsSeat(proposal.state, service, row)) return launchMove(proposal, service, row, true);
    if (row.seat.volumes.length > 0) return withResize(proposal, service, row, true, () => REST);
    return { kind: 'leave', again: true, destroyVolumes: false };
  }
  // What needs nothing any more gives its place back; data stays.
  const done = row.seat !== undefined && row.seat.volumes.length === 0;
  return done ? { kind: 'leave', again: false, destroyVolumes: false } : REST;
}

/** Every launch is known to be over, so the grant may go or be used again. */
function afterEnd(proposal: Proposal, service: ServiceRow, row: PodRow, wanted: boolean, refused: boolean): Move {
  const { state } = proposal;
  // What was drained ends whatever is wanted now: who has its index next begins anew.
  const anew = row.drained === true && row.index < wantedCount(state, service, row.pod);
  if (!wanted) return { kind: 'leave', again: anew, destroyVolumes: true };
  const agent = row.seat!.agent;
  const standing = state.agents.get(agent)?.state;
  const again = { kind: 'leave', again: true, destroyVolumes: false, avoid: agent } as const;
  if (standing === 'GONE') return { ...again, cause: 'agent-gone' };
  if (row.preemptedBy !== undefined)
    return { kind: 'leave', again: true, destroyVolumes: false, cause: 'preempted', by: row.preemptedBy };
  if (row.stopReason === 'replaced') return { ...again, cause: 'operator' };
  if (standing !== undefined) {
    const movable = !holdsData(row) || (standing === 'DRAINING' && mayLeaveData(state, service));
    return movable ? { ...again, cause: standing === 'DRAINING' ? 'drain' : 'agent-unreachable' } : { kind: 'hold' };
  }
  if (refused && !holdsData(row)) return again;
  if (fitsSeat(state, service, row) || row.seat!.volumes.length > 0)
    return withResize(proposal, service, row, true, () => relaunch(proposal, service, row));
  return { kind: 'leave', again: true, destroyVolumes: false };
}

function relaunch(proposal: Proposal, service: ServiceRow, row: PodRow): Move {
  const changed =
    row.launched !== undefined && !runsRecipe(proposal.state, service, row, recipeOfSeat(proposal.state, service, row));
  if (!changed && (row.until ?? 0) > proposal.context.at) return REST;
  return launchMove(proposal, service, row, changed);
}

function launchMove(proposal: Proposal, service: ServiceRow, found: PodRow, anew: boolean): Move {
  const row = { ...found, recipe: recipeOfSeat(proposal.state, service, found) };
  const recipe = recipeFor(proposal.state, service, row);
  const seat = row.seat;
  if (recipe === undefined || seat === undefined) return REST;
  if (!recipe.plain && !knowsPeers(proposal.state, service, row, recipe)) return REST;
  const tasks = tasksToStart(row, recipe, seat, proposal.context.at, anew);
  return tasks.length === 0 ? REST : { kind: 'launch', start: { row, seat, recipe, tasks } };
}

interface Moved {
  readonly row: PodRow;
  readonly move: Move;
}

/** Gives places up: says why where a pod is replaced, returns the grants, and lists who wants another place. */
function leaveSeats(proposal: Proposal, service: ServiceRow, moves: readonly Moved[]): Wish[] {
  const { name, generation } = service;
  const replaced = new Map<string, Replaced>();
  const returned = new Map<boolean, GrantId[]>([
    [false, []],
    [true, []],
  ]);
  const wishes: Wish[] = [];
  for (const { row, move } of moves) {
    if (move.kind === 'hold') {
      const { pod, index, seat } = row;
      proposal.emit({ type: 'RecoveryWaiting', data: { service: name, generation, pod, index, agent: seat!.agent } });
    }
    if (move.kind !== 'leave') continue;
    if (move.cause !== undefined) fileReplaced(replaced, row, move.cause, move.by);
    returned.get(move.destroyVolumes)!.push(row.seat!.grant);
    if (move.again) wishes.push({ row, avoid: move.avoid === undefined ? [] : [move.avoid] });
  }
  for (const { indexes, ...why } of replaced.values()) {
    const ranges = rangesOf(indexes);
    proposal.emit({ type: 'ReplaceStarted', data: { service: name, generation, ...why, indexes: ranges } });
  }
  for (const [destroyVolumes, grants] of returned) {
    if (grants.length === 0) continue;
    const destroy = destroyVolumes ? { destroyVolumes } : {};
    proposal.emit({ type: 'GrantReturned', data: { service: name, generation, grants: idRunsOf(grants), ...destroy } });
  }
  return wishes;
}

interface Replaced {
  readonly pod: string;
  readonly cause: ReplaceCause;
  readonly by?: Preemptor;
  readonly indexes: number[];
}

function fileReplaced(
  replaced: Map<string, Replaced>,
  row: PodRow,
  cause: ReplaceCause,
  by: Preemptor | undefined,
): void {
  const key = `${row.pod}/${cause}/${by?.request}`;
  const filed = replaced.get(key) ?? { pod: row.pod, cause, ...(by === undefined ? {} : { by }), indexes: [] };
  filed.indexes.push(row.index);
  replaced.set(key, filed);
}

function current(rows: ServicesRows, wish: Wish): Wish {
  const { service, pod, index } = wish.row;
  return { ...wish, row: podAt(rows, service, pod, index) ?? wish.row };
}
