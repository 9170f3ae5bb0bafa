import {
  countIn,
  eachIdRun,
  idOf,
  valueAt,
  type AgentId,
  type GrantId,
  type IdRuns,
  type LaunchId,
  type Members,
  type ServicesEventOf,
  type TaskTemplate,
} from '@orrery/contracts';
import { newCodes, withCodes } from './codes.js';
import { dropMembers, membersOn, releaseSlots } from './pods.js';
import {
  isolate,
  membersOf,
  breakOutAll,
  placeOfGrant,
  placeOfLaunch,
  putRun,
  runAt,
  spansIn,
  type Place,
} from './run-rows.js';
import { RunDraft } from './run-draft.js';
import {
  counted,
  epochAt,
  firstPodOf,
  GONE,
  isIdleAt,
  LIVE,
  ORDERED,
  PLACING,
  RETURNED,
  STOPPING,
  type RunRow,
  type RunTask,
} from './runs.js';
import { stretchesOf } from './run-steps.js';
import { cutSegments, idAt, mergeSegments, segmentsOf, type Segments } from './segments.js';
import { planKey, type PhaseRow, type ServicesRows } from './state.js';
import { phaseOfStep } from './steps.js';
import { rememberIncarnation } from './tallies.js';

type DataOf<Type extends 'PlacementRequested' | 'PlacementWithdrawn' | 'TasksObserved' | 'KillOrdered'> =
  ServicesEventOf<Type>['data'];

// --- Wishes ---------------------------------------------------------------------------------------------------------

/** Members that ask for a place together. Who can't ask with the others is made a row. */
export function askForRuns(rows: ServicesRows, data: DataOf<'PlacementRequested'>): void {
  const { request, attempt } = data;
  const plain = data.avoid.length === 0 && data.replaces.length === 0;
  for (const span of spansIn(rows, data.service, data.pod, data.indexes)) {
    const own = isolate(rows, span);
    if (own === undefined) continue;
    const { key, run } = own;
    const asks = plain && run.request === null && run.members.every((code) => code === PLACING || code === GONE);
    if (asks) putRun(rows, key, { ...run, request, attempt });
    else breakOutAll(rows, key, run, membersOf(rows, run));
  }
}

export function withdrawRuns(rows: ServicesRows, data: DataOf<'PlacementWithdrawn'>): void {
  for (const span of spansIn(rows, data.service, data.pod, data.indexes)) {
    const found = runAt(rows, data.service, data.pod, span.run.first + span.from);
    if (found === undefined || found.run.request !== data.request) continue;
    const [from, to] = [found.from, found.from + span.to - span.from];
    const others = found.run.members.some((code, position) => code === PLACING && (position < from || position > to));
    const own = others ? isolate(rows, { ...found, from, to }) : found;
    if (own !== undefined) putRun(rows, own.key, { ...own.run, request: null });
  }
}

// --- Places and launches --------------------------------------------------------------------------------------------

/** A set of places, and the launches on them where they are ordered with it. */
export interface Seats {
  readonly service: string;
  readonly pod: string;
  readonly set: Members;
  readonly grants: IdRuns;
  /** Port of a pod → name of the set's column. */
  readonly ports: Readonly<Record<string, string>>;
  readonly order?: {
    readonly task: string;
    readonly version: number;
    readonly incarnation: number;
    readonly template: TaskTemplate;
    readonly launches: IdRuns;
  };
}

/** Seats members of runs; gives the indexes of those that are rows, or are now. */
export function seatMembers(rows: ServicesRows, seats: Seats): ReadonlySet<number> {
  const { set, service, pod } = seats;
  const rest = new Set<number>();
  const columns = columnsOf(seats);
  let offset = 0;
  for (const range of set.indexes) {
    let next = range[0];
    for (const span of spansIn(rows, service, pod, [range])) {
      const first = span.run.first + span.from;
      for (; next < first; next += 1) rest.add(next);
      const found = runAt(rows, service, pod, first);
      const last = span.run.first + span.to;
      if (found !== undefined) seatSpan(rows, found, last - first + 1, columns, offset + first - range[0], rest);
      else for (let index = first; index <= last; index += 1) rest.add(index);
      next = last + 1;
    }
    for (; next <= range[1]; next += 1) rest.add(next);
    offset += range[1] - range[0] + 1;
  }
  return rest;
}

interface Columns extends Seats {
  readonly agents: Uint32Array;
  readonly epochs: Uint32Array;
  readonly grantIds: Segments;
  readonly launchIds: Segments;
}

function columnsOf(seats: Seats): Columns {
  const count = countIn(seats.set.indexes);
  const agents = new Uint32Array(count);
  const epochs = new Uint32Array(count);
  let at = 0;
  for (const [agent, epoch, length] of seats.set.agents) {
    agents.fill(agent, at, at + length);
    epochs.fill(epoch, at, at + length);
    at += length;
  }
  const launchIds = seats.order === undefined ? [] : segmentsOf(seats.order.launches);
  return { ...seats, agents, epochs, grantIds: segmentsOf(seats.grants), launchIds };
}

/** `at`: where the set tells of the first of these members. */
function seatSpan(
  rows: ServicesRows,
  { key, run, from }: { readonly key: string; readonly run: RunRow; readonly from: number },
  count: number,
  columns: Columns,
  at: number,
  rest: Set<number>,
): void {
  const plain = columns.set.gpuIds === undefined && columns.set.volumes === undefined && fitsRun(run, columns.order);
  const fits = (code: number, position: number) =>
    plain && takesSeat(run, code, position, columns, at + position - from);
  const good = [PLACING, LIVE].flatMap((wanted) => {
    return stretchesOf(run, from, from + count - 1, (code, position) => code === wanted && fits(code, position));
  });
  good.sort(([left], [right]) => left - right);
  let draft = run;
  let next = run.first + from;
  for (const [first, last] of good) {
    for (; next < first; next += 1) rest.add(next);
    draft = seated(draft, first - run.first, last - first + 1, columns, at + first - run.first - from);
    next = last + 1;
  }
  for (; next < run.first + from + count; next += 1) rest.add(next);
  if (good.length > 0) putRun(rows, key, counted(draft));
}

function fitsRun(run: RunRow, order: Seats['order']): boolean {
  if (order === undefined) return true;
  const known = run.tasks[order.task];
  if (order.version !== run.recipe) return false;
  return known === undefined || (known.incarnation === order.incarnation && known.kind === kindOf(order.template));
}

function takesSeat(run: RunRow, code: number, position: number, { order, grantIds }: Columns, at: number): boolean {
  if (code === PLACING) return true;
  if (code !== LIVE || order === undefined) return false;
  if (idAt(run.tasks[order.task]?.launches ?? [], position) !== undefined) return false;
  return idAt<GrantId>(run.grants, position) === idAt<GrantId>(grantIds, at);
}

function seated(run: RunRow, from: number, count: number, columns: Columns, at: number): RunRow {
  const { order } = columns;
  const members = run.members.slice();
  const placed = members[from] === PLACING;
  members.fill(LIVE, from, from + count);
  const here = placed ? placedHere(run, from, count, columns, at) : {};
  const ports = { ...run.ports };
  for (const name in columns.ports) {
    const column = (ports[name] ?? new Uint32Array(members.length)).slice();
    const told = columns.set.ports![columns.ports[name]!]!;
    for (let offset = 0; offset < count; offset += 1) column[from + offset] = valueAt(told, at + offset);
    ports[name] = column;
  }
  const more = order === undefined ? {} : orderedHere(run, from, count, columns, at, order);
  const request = members.includes(PLACING) ? run.request : null;
  return { ...run, members, request, ports, ...here, ...more };
}

function placedHere(run: RunRow, from: number, count: number, columns: Columns, at: number): Partial<RunRow> {
  const agents = run.agents.slice();
  agents.set(columns.agents.subarray(at, at + count), from);
  const told = columns.epochs.subarray(at, at + count);
  const grants = mergeSegments(run.grants, cutSegments(columns.grantIds, at, at + count, from));
  const [epoch] = told;
  const first = run.grants.length === 0;
  if (told.every((other) => other === epoch) && (first || (run.epochs.length === 1 && run.epochs[0] === epoch))) {
    return { agents, grants, epochs: Uint32Array.of(epoch!) };
  }
  const epochs = everyEpoch(run);
  epochs.set(told, from);
  return { agents, grants, epochs };
}

/** Places on an agent hold in its registration of today. */
export function noteEpoch(rows: ServicesRows, agent: AgentId, epoch: number): void {
  for (const { key, from } of membersOn(rows, agent)) {
    const run = rows.runs.get(key)!;
    if (epochAt(run, from) === epoch) continue;
    const epochs = everyEpoch(run);
    epochs[from] = epoch;
    rows.runs.put(key, { ...run, epochs });
  }
}

function everyEpoch(run: RunRow): Uint32Array {
  return Uint32Array.from(run.members, (_, position) => epochAt(run, position));
}

function orderedHere(
  run: RunRow,
  from: number,
  count: number,
  { launchIds }: Columns,
  at: number,
  { task, incarnation, template }: NonNullable<Seats['order']>,
): Pick<RunRow, 'tasks' | 'status'> {
  const launches = mergeSegments(run.tasks[task]?.launches ?? [], cutSegments(launchIds, at, at + count, from));
  const status = withCodes(run.status[task] ?? newCodes(run.members.length), from, count, ORDERED);
  return {
    tasks: byName({ ...run.tasks, [task]: { incarnation, kind: kindOf(template), launches } }),
    status: byName({ ...run.status, [task]: status }),
  };
}

function kindOf({ goal, readinessCheck }: TaskTemplate): RunTask['kind'] {
  if (goal !== 'RUNNING') return 'batch';
  return readinessCheck === undefined ? 'service' : 'checked';
}

function byName<Value>(values: Readonly<Record<string, Value>>): Record<string, Value> {
  return Object.fromEntries(Object.entries(values).sort(([left], [right]) => (left < right ? -1 : 1)));
}

// --- Facts about launches -------------------------------------------------------------------------------------------

/** Calls for each stretch of ids that a run knows, and for each id that none does. */
export function walkIds<Id extends LaunchId | GrantId>(
  rows: ServicesRows,
  of: 'launch' | 'grant',
  ids: IdRuns,
  visit: { readonly known: (place: Place, count: number) => void; readonly unknown: (id: Id) => void },
): void {
  const placeOf = of === 'launch' ? placeOfLaunch : placeOfGrant;
  eachIdRun(ids, (seq, first, last) => {
    for (let ordinal = first; ordinal <= last;) {
      const place = placeOf(rows, seq, ordinal);
      if (place === undefined) {
        visit.unknown(idOf<Id>(seq, ordinal));
        ordinal += 1;
        continue;
      }
      const count = Math.min(place.count, last - ordinal + 1);
      visit.known(place, count);
      ordinal += count;
    }
  });
}

/** Remembers what was seen of launches of members; gives those that are of rows, or let a member diverge. */
export function observeMembers(rows: ServicesRows, { launches, state }: DataOf<'TasksObserved'>): LaunchId[] {
  const rest: LaunchId[] = [];
  const drafts = new Map<string, RunDraft>();
  const told = ({ key, run, task, position: from }: Place, count: number) => {
    let draft = drafts.get(key);
    if (draft === undefined) drafts.set(key, (draft = new RunDraft(run)));
    for (let position = from; position < from + count; position += 1) {
      if (draft.observe(task, position, state)) continue;
      rest.push(idAt<LaunchId>(run.tasks[task]!.launches, position)!);
    }
  };
  walkIds<LaunchId>(rows, 'launch', launches, { known: told, unknown: (id) => rest.push(id) });
  for (const [key, draft] of drafts) if (draft.isChanged) putRun(rows, key, draft.made());
  return rest;
}

/** Members that are ended because they are not wanted any more stop together; others, and rows, are given back. */
export function stopMembers(rows: ServicesRows, { launches, reason }: DataOf<'KillOrdered'>): LaunchId[] {
  const rest: LaunchId[] = [];
  const stops = new Map<string, { run: RunRow; members: Uint8Array }>();
  const together = reason === 'scaled-down' || reason === 'uninstalled';
  const told = (place: Place, count: number) => {
    const { key, run, task } = place;
    const fits = together && (run.stopReason === null || run.stopReason === reason);
    for (let position = place.position; position < place.position + count; position += 1) {
      const code = run.members[position]!;
      if (code === RETURNED) continue;
      if (code === GONE || !fits) rest.push(idAt<LaunchId>(run.tasks[task]!.launches, position)!);
      else if (code === LIVE) {
        const stop = stops.get(key) ?? { run, members: run.members.slice() };
        stop.members[position] = STOPPING;
        stops.set(key, stop);
      }
    }
  };
  walkIds<LaunchId>(rows, 'launch', launches, { known: told, unknown: (id) => rest.push(id) });
  for (const [key, { run, members }] of stops) putRun(rows, key, counted({ ...run, members, stopReason: reason }));
  return rest;
}

// --- Grants ---------------------------------------------------------------------------------------------------------

/**
 * Members whose plan takes them down are gone with their grant, and their steps complete; while a service is uninstalled
 * their grants are remembered until they are released. Gives the grants of all others.
 */
export function returnMembers(rows: ServicesRows, grants: IdRuns): GrantId[] {
  const rest: GrantId[] = [];
  const gone = new Map<string, { run: RunRow; positions: number[] }>();
  const told = ({ key, run, position: from }: Place, count: number) => {
    const ends = takesDown(rows, run);
    for (let position = from; position < from + count; position += 1) {
      const over = run.members[position] === STOPPING && isIdleAt(run.status, position);
      if (run.members[position] === RETURNED) continue;
      if (!ends || !over) {
        rest.push(idAt<GrantId>(run.grants, position)!);
        continue;
      }
      const filed = gone.get(key) ?? { run, positions: [] };
      filed.positions.push(position);
      gone.set(key, filed);
    }
  };
  walkIds<GrantId>(rows, 'grant', grants, { known: told, unknown: (id) => rest.push(id) });
  for (const [key, { run, positions }] of gone) {
    const phase = countTakenDown(rows, run, positions.length);
    for (const name in run.tasks) rememberIncarnation(rows, run.service, run.pod, run.tasks[name]!.incarnation);
    const uninstalling = rows.services.get(run.service)!.uninstalling;
    dropMembers(rows, key, run, positions, uninstalling ? RETURNED : GONE);
    releaseSlots(rows, run.service, phase);
  }
  return rest;
}

/** The allocator has released grants that an uninstall waits for; gives those that no run knows. */
export function releaseMembers(rows: ServicesRows, grants: IdRuns): GrantId[] {
  const rest: GrantId[] = [];
  const gone = new Map<string, { run: RunRow; positions: number[] }>();
  const told = ({ key, run, position: from }: Place, count: number) => {
    for (let position = from; position < from + count; position += 1) {
      if (run.members[position] !== RETURNED) {
        rest.push(idAt<GrantId>(run.grants, position)!);
        continue;
      }
      const filed = gone.get(key) ?? { run, positions: [] };
      filed.positions.push(position);
      gone.set(key, filed);
    }
  };
  walkIds<GrantId>(rows, 'grant', grants, { known: told, unknown: (id) => rest.push(id) });
  for (const [key, { run, positions }] of gone) dropMembers(rows, key, run, positions);
  return rest;
}

function phaseTakingDown(rows: ServicesRows, run: RunRow) {
  const { service, pod, step } = run;
  const name = rows.services.get(service)?.plan;
  const plan = name === undefined ? undefined : rows.plans.get(planKey(service, name));
  if (plan === undefined || plan.status !== 'running' || plan.run !== step) return undefined;
  const phase = phaseOfStep(plan, pod, firstPodOf(run));
  return phase?.action === 'decommission' && phase.done < phase.total ? { plan, phase } : undefined;
}

function takesDown(rows: ServicesRows, run: RunRow): boolean {
  return phaseTakingDown(rows, run) !== undefined;
}

function countTakenDown(rows: ServicesRows, run: RunRow, count: number): PhaseRow {
  const { plan, phase } = phaseTakingDown(rows, run)!;
  const done = Math.min(phase.total, phase.done + count);
  const phases = plan.phases.map((other) => (other === phase ? { ...phase, done } : other));
  rows.plans.put(planKey(run.service, plan.plan), { ...plan, phases });
  return phase;
}
