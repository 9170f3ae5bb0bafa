import {
  countIn,
  numbersIn,
  valueAt,
  type AgentId,
  type GrantId,
  type IdRuns,
  type Members,
  type TaskTemplate,
  eachAgentRun,
} from '@orrery/contracts';
import { newCodes, withCodes } from './codes.js';
import { membersOn } from './pods.js';
import { putRun, runAt, spansIn, type Span } from './run-rows.js';
import { stretchesOf, without, type Range } from './run-steps.js';
import { counted, epochAt, LIVE, memberAt, ORDERED, PLACING, type RunRow, type RunTask, someMember } from './runs.js';
import { cutSegments, idAt, mergeSegments, segmentsOf, type Segments } from './segments.js';
import type { ServicesRows } from './state.js';

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
  const seated: Range[] = [];
  let columns: Columns | undefined;
  let offset = 0;
  for (const [first, last] of set.indexes) {
    for (const { run, from, to } of spansIn(rows, service, pod, [[first, last]])) {
      const begin = run.first + from;
      const found = runAt(rows, service, pod, begin);
      if (found === undefined) continue;
      const stretch = { from: found.from, count: to - from + 1, at: offset + begin - first };
      columns ??= columnsOf(seats);
      seated.push(...seatSpan(rows, found, stretch, columns));
    }
    offset += last - first + 1;
  }
  return new Set(numbersIn(seated.length === 0 ? set.indexes : without(set.indexes, seated)));
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
  eachAgentRun(seats.set.agents, (agent, epoch, length, at) => {
    agents.fill(agent, at, at + length);
    epochs.fill(epoch, at, at + length);
  });
  const launchIds = seats.order === undefined ? [] : segmentsOf(seats.order.launches);
  return { ...seats, agents, epochs, grantIds: segmentsOf(seats.grants), launchIds };
}

/** Members of a run of which a set tells. */
interface Stretch {
  readonly from: number;
  readonly count: number;
  /** Where the set tells of the first of them. */
  readonly at: number;
}

/** The indexes of those that took their seats and are members still. */
function seatSpan(rows: ServicesRows, { key, run }: Span, { from, count, at }: Stretch, columns: Columns): Range[] {
  const { set, order } = columns;
  if (set.gpuIds !== undefined || set.volumes !== undefined || !fitsRun(run, order)) return [];
  const takes = (wanted: number) => (code: number, position: number) =>
    code === wanted && takesSeat(run, position, columns, at + position - from);
  const stretches = [PLACING, LIVE].flatMap((code) => stretchesOf(run, from, from + count - 1, takes(code)));
  if (stretches.length === 0) return [];
  stretches.sort(([left], [right]) => left - right);
  let draft = run;
  for (const [first, last] of stretches) {
    const position = first - run.first;
    draft = seated(draft, { from: position, count: last - first + 1, at: at + position - from }, columns);
  }
  putRun(rows, key, counted(draft));
  return stretches;
}

function fitsRun(run: RunRow, order: Seats['order']): boolean {
  if (order === undefined) return true;
  const known = run.tasks[order.task];
  if (order.version !== run.recipe) return false;
  return known === undefined || (known.incarnation === order.incarnation && known.kind === kindOf(order.template));
}

function takesSeat(run: RunRow, position: number, { order, grantIds }: Columns, at: number): boolean {
  if (memberAt(run, position) === PLACING) return true;
  if (order === undefined) return false;
  if (idAt(run.tasks[order.task]?.launches ?? [], position) !== undefined) return false;
  return idAt<GrantId>(run.grants, position) === idAt<GrantId>(grantIds, at);
}

function seated(run: RunRow, stretch: Stretch, columns: Columns): RunRow {
  const { from, count, at } = stretch;
  const { order } = columns;
  const members = withCodes(run.members, from, count, LIVE);
  const placed = memberAt(run, from) === PLACING;
  const here = placed ? placedHere(run, stretch, columns) : {};
  const ports = { ...run.ports };
  for (const name in columns.ports) {
    const column = (ports[name] ?? new Uint32Array(run.length)).slice();
    const told = columns.set.ports![columns.ports[name]!]!;
    for (let offset = 0; offset < count; offset += 1) column[from + offset] = valueAt(told, at + offset);
    ports[name] = column;
  }
  const more = order === undefined ? {} : orderedHere(run, stretch, columns, order);
  const left = someMember({ ...run, members }, 0, run.length - 1, (code) => code === PLACING);
  return { ...run, members, request: left ? run.request : null, ports, ...here, ...more };
}

function placedHere(run: RunRow, { from, count, at }: Stretch, columns: Columns): Partial<RunRow> {
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

/** Of each position. */
export function everyEpoch(run: RunRow): Uint32Array {
  return Uint32Array.from({ length: run.length }, (_, position) => epochAt(run, position));
}

function orderedHere(
  run: RunRow,
  { from, count, at }: Stretch,
  { launchIds }: Columns,
  { task, incarnation, template }: NonNullable<Seats['order']>,
): Pick<RunRow, 'tasks' | 'status'> {
  const launches = mergeSegments(run.tasks[task]?.launches ?? [], cutSegments(launchIds, at, at + count, from));
  const status = withCodes(run.status[task] ?? newCodes(run.length), from, count, ORDERED);
  return {
    tasks: byName({
      ...run.tasks,
      [task]: { incarnation, kind: kindOf(template), launches, past: run.tasks[task]?.past ?? [] },
    }),
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
