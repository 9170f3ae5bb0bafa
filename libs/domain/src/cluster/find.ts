import { eachIdRun, ordinalOf, seqOf, type AgentId, type IdRuns, type LaunchId } from '@orrery/contracts';
import { idKey, indexKey } from './keys.js';
import { idOfMember, isFirst, numberAt, RUN_MEMBERS_MAX, toldOf, type LaunchKind, type RunRow } from './runs.js';
import { blockOf, isLive, keyOfId, memberOf, PODS_PER_BLOCK, type ClusterState, type LaunchRow } from './state.js';

// How launches are found: by their ids, by their task, by their service, by their agent.

export function launchOf(state: ClusterState, launch: LaunchId): LaunchRow | undefined {
  const [seq, ordinal] = [seqOf(launch), ordinalOf(launch)];
  const { refs, at } = state.runs.overlapping(seq, ordinal);
  const ref = refs[at];
  if (ref !== undefined && ref.first <= ordinal) {
    const member = memberOf(state, state.runs.get(ref.key)!, ordinal - ref.first);
    if (member?.launch === launch) return member;
  }
  const again = state.runs.again(seq, ordinal);
  if (again !== undefined) return memberOf(state, state.runs.get(again.key)!, again.member);
  return state.launches.get(idKey(seq, ordinal));
}

/** Where a launch of a sequence was found: members `from` to `to` (exclusive) of a run, or a row of its own. */
export interface Finder {
  /** Some of the members may be gone. `position`: of the first of them in the sequence of ids. */
  run(key: string, run: RunRow, from: number, to: number, position: number): void;
  row(key: string, row: LaunchRow, position: number): void;
}

/** Calls for what is known of these launches; the calls may change rows, and runs when all is found. */
export function findLaunches(state: ClusterState, launches: IdRuns, found: Finder): void {
  eachIdRun(launches, (seq, first, last, position) => {
    let missing = last - first + 1;
    const { refs, at } = state.runs.overlapping(seq, first);
    for (let next = at; next < refs.length && refs[next]!.first <= last; next += 1) {
      const { key, first: begin } = refs[next]!;
      const run = state.runs.get(key)!;
      const from = Math.max(first - begin, 0);
      const to = Math.min(last + 1 - begin, run.of.count);
      const told = (start: number, end: number) => {
        missing -= countHere(run, start, end);
        found.run(key, run, start, end, position + begin + start - first);
      };
      if (run.again === undefined) told(from, to);
      else for (const [start, end] of stretchesOf(run, from, to)) told(start, end);
    }
    if (missing > 0 && state.runs.hasAgain) missing -= findAgain(state, { seq, first, last, position }, found);
    if (missing === 0) return;
    const until = idKey(seq, last);
    for (const key of [...keysUntil(state.launches.keys(idKey(seq, first)), until)]) {
      const row = state.launches.get(key);
      if (row !== undefined) found.row(key, row, position + ordinalOf(row.launch) - first);
    }
  });
}

function countHere(run: RunRow, from: number, to: number): number {
  let here = 0;
  for (let member = from; member < to; member += 1) if (toldOf(run, member) !== 0) here += 1;
  return here;
}

/** Members that have the names that they had at first: mostly all of them. */
function stretchesOf(run: RunRow, from: number, to: number): (readonly [from: number, to: number])[] {
  const stretches: (readonly [number, number])[] = [];
  for (let start = from; start < to; start += 1) {
    if (!isFirst(run, start)) continue;
    let end = start + 1;
    while (end < to && isFirst(run, end)) end += 1;
    stretches.push([start, end]);
    start = end;
  }
  return stretches;
}

interface IdRun {
  readonly seq: number;
  readonly first: number;
  readonly last: number;
  readonly position: number;
}

/** Gives how many of these ids are those of members that run again. */
function findAgain(state: ClusterState, { seq, first, last, position }: IdRun, found: Finder): number {
  let count = 0;
  for (let ordinal = first; ordinal <= last; ordinal += 1) {
    const again = state.runs.again(seq, ordinal);
    if (again === undefined) continue;
    count += 1;
    found.run(again.key, state.runs.get(again.key)!, again.member, again.member + 1, position + ordinal - first);
  }
  return count;
}

function* keysUntil(keys: IterableIterator<string>, last: string): IterableIterator<string> {
  for (const key of keys) {
    if (key > last) return;
    yield key;
  }
}

/** Launches of one kind whose ids and pod indexes follow each other. */
export interface LaunchSpan {
  readonly kind: LaunchKind;
  readonly seq: number;
  readonly ordinal: number;
  readonly index: number;
  readonly count: number;
  /** Of the first one in the sequence of ids that was asked for. */
  readonly position: number;
  /** Numbers of their agents; a single one stands for all. */
  readonly agents: readonly number[];
}

/** What is known of these launches, as few spans as it takes. */
export function spansOf(state: ClusterState, launches: IdRuns): LaunchSpan[] {
  const spans: LaunchSpan[] = [];
  findLaunches(state, launches, {
    run: (_, run, from, to, position) => {
      for (let start = from; start < to; start += 1) {
        if (toldOf(run, start) === 0) continue;
        let end = start + 1;
        while (end < to && toldOf(run, end) !== 0) end += 1;
        spans.push(spanOf(run, start, end, position + start - from));
        start = end;
      }
    },
    row: (_, row, position) => {
      const { launch, index, on } = row;
      spans.push({
        kind: row,
        ...{ seq: seqOf(launch), ordinal: ordinalOf(launch), index, count: 1, position, agents: [on] },
      });
    },
  });
  return spans;
}

function spanOf(run: RunRow, start: number, end: number, position: number): LaunchSpan {
  const { of } = run;
  const { seq, ordinal, incarnation } = idOfMember(run, start);
  return {
    kind: incarnation === of.incarnation ? of : { ...of, incarnation },
    ...{ seq, ordinal, index: of.index + start, count: end - start, position },
    agents: of.agents.length === 1 ? of.agents : of.agents.slice(start, end),
  };
}

/** Every launch of one task that is still known, of any generation. */
export function* launchesOfTask(
  state: ClusterState,
  task: { readonly service: string; readonly pod: string; readonly index: number; readonly task: string },
): IterableIterator<LaunchRow> {
  for (const [, run] of state.runs.ofPod(task.service, task.pod, task.index)) {
    const member = run.of.task === task.task ? memberOf(state, run, task.index - run.of.index) : undefined;
    if (member !== undefined) yield member;
  }
  for (const [, row] of state.launches.by('block', blockOf(task.service, task.pod, task.index))) {
    if (row.index === task.index && row.task === task.task) yield row;
  }
}

/** All launches of a service, pod type by pod type; the living and the ended that were not replaced yet. */
export function* launchesOfService(state: ClusterState, service: string): IterableIterator<LaunchRow> {
  const prefix = `${service}.`;
  for (const [key, run] of state.runs.entries(prefix)) {
    if (!key.startsWith(prefix)) break;
    yield* membersOf(state, run);
  }
  yield* rowsOfService(state, service);
}

export function* rowsOfService(state: ClusterState, service: string): IterableIterator<LaunchRow> {
  const prefix = `${service}.`;
  for (const block of state.launches.valuesOf('block', prefix)) {
    if (!block.startsWith(prefix)) return;
    for (const [, row] of state.launches.by('block', block)) yield row;
  }
}

/** What has ended is always a row of its own. */
export function* endedOfService(
  state: ClusterState,
  { service, generation }: Pick<LaunchRow, 'service' | 'generation'>,
): IterableIterator<LaunchRow> {
  for (const row of rowsOfService(state, service)) if (row.generation === generation && !isLive(row)) yield row;
}

export function* membersOf(state: ClusterState, run: RunRow): IterableIterator<LaunchRow> {
  for (let member = 0; member < run.of.count; member += 1) {
    const row = memberOf(state, run, member);
    if (row !== undefined) yield row;
  }
}

// --- By agent -------------------------------------------------------------------------------------------------------

/** How many launches live on an agent. */
export function countOnAgent(state: ClusterState, agent: AgentId): number {
  const row = state.agents.get(agent);
  return row === undefined ? 0 : state.counters.live(row.number);
}

/** Live launches on an agent, in the order of their ids. */
export function launchesOnAgent(state: ClusterState, agent: AgentId): LaunchRow[] {
  const found: [string, LaunchRow][] = [...state.launches.by('liveOn', agent)];
  const number = state.agents.get(agent)?.number;
  for (const key of number === undefined ? [] : state.runs.onAgent(number)) {
    const run = state.runs.get(key)!;
    for (let member = 0; member < run.of.count; member += 1) {
      if (numberAt(run.of.agents, member) !== number) continue;
      const row = memberOf(state, run, member);
      if (row !== undefined) found.push([keyOfId(row.launch), row]);
    }
  }
  return found.sort(([left], [right]) => (left < right ? -1 : 1)).map(([, row]) => row);
}

// --- By task, in order ----------------------------------------------------------------------------------------------

/** Keys of tasks sort by service, pod type, index and name. */
export function taskKey({ service, pod, index, task }: Pick<LaunchRow, 'service' | 'pod' | 'index' | 'task'>): string {
  return `${service}.${pod}.${indexKey(index)}.${task}`;
}

/** The newest incarnation of each task, living or ended, in the order of the keys, from the key `from` (inclusive) on. */
export function* tasksInOrder(
  state: ClusterState,
  { service, from = '' }: { readonly service?: string | undefined; readonly from?: string | undefined } = {},
): IterableIterator<[key: string, row: LaunchRow]> {
  const prefix = service === undefined ? '' : `${service}.`;
  const begin = from > prefix ? from : prefix;
  const [name, pod, index] = begin.split('.');
  let cursor = begin;
  if (index !== undefined) {
    yield* tasksOfPod(state, `${name}.${pod}.`, Number(index) || 0, begin);
    cursor = `${name}.${pod}/`;
  }
  for (;;) {
    const next = nextPod(state, cursor);
    if (next?.startsWith(prefix) !== true) return;
    yield* tasksOfPod(state, next, 0, begin);
    cursor = `${next.slice(0, -1)}/`;
  }
}

/** What the keys of the first pod type from there on begin with. */
function nextPod(state: ClusterState, cursor: string): string | undefined {
  const run = state.runs.keys(cursor).next().value as string | undefined;
  const block = state.launches.valuesOf('block', cursor).next().value as string | undefined;
  const first = run === undefined || (block !== undefined && block < run) ? block : run;
  if (first === undefined) return undefined;
  return first.slice(0, first.indexOf('.', first.indexOf('.') + 1) + 1);
}

/** Block by block of pods: rows are filed by them, and runs reach over several. */
function* tasksOfPod(
  state: ClusterState,
  prefix: string,
  index: number,
  from: string,
): IterableIterator<[string, LaunchRow]> {
  let block = index - (index % PODS_PER_BLOCK);
  const runs = new Walk(
    state.runs.entries(prefix + indexKey(Math.max(0, block - RUN_MEMBERS_MAX + 1))),
    ([key]) => key,
  );
  const blocks = new Walk(state.launches.valuesOf('block', prefix + indexKey(block)), (value) => value);
  let active: RunRow[] = [];
  for (; ; block += PODS_PER_BLOCK) {
    active = active.filter((run) => run.of.index + run.of.count > block);
    if (active.length === 0) {
      const nextRun = runs.next(prefix)?.[1].of.index ?? Infinity;
      const nextBlock = blocks.next(prefix);
      const first = Math.min(nextRun, nextBlock === undefined ? Infinity : Number(nextBlock.slice(prefix.length)));
      if (first === Infinity) return;
      block = Math.max(block, first - (first % PODS_PER_BLOCK));
    }
    const end = block + PODS_PER_BLOCK;
    for (let run = runs.next(prefix)?.[1]; run !== undefined && run.of.index < end; run = runs.next(prefix)?.[1]) {
      active.push(run);
      runs.advance();
    }
    const newest = new Map<string, LaunchRow>();
    for (const run of active) {
      const last = Math.min(end, run.of.index + run.of.count);
      for (let at = Math.max(block, run.of.index); at < last; at += 1)
        keepNewest(newest, memberOf(state, run, at - run.of.index));
    }
    const value = prefix + indexKey(block);
    if (blocks.next(prefix) === value) {
      for (const [, row] of state.launches.by('block', value)) keepNewest(newest, row);
      blocks.advance();
    }
    for (const key of [...newest.keys()].sort()) if (key >= from) yield [key, newest.get(key)!];
  }
}

function keepNewest(newest: Map<string, LaunchRow>, row: LaunchRow | undefined): void {
  if (row === undefined) return;
  const key = taskKey(row);
  const other = newest.get(key);
  if (other === undefined || isNewer(row, other)) newest.set(key, row);
}

type Life = Pick<LaunchRow, 'generation' | 'incarnation'>;

export function isNewer(left: Life, right: Life): boolean {
  return left.generation === right.generation
    ? left.incarnation > right.incarnation
    : left.generation > right.generation;
}

/** An iterator that can be looked at before it goes on. */
class Walk<Item> {
  readonly #items: IterableIterator<Item>;
  readonly #keyOf: (item: Item) => string;
  #next: IteratorResult<Item>;

  constructor(items: IterableIterator<Item>, keyOf: (item: Item) => string) {
    this.#items = items;
    this.#keyOf = keyOf;
    this.#next = items.next();
  }

  /** The next item, if its key begins like this. */
  next(prefix: string): Item | undefined {
    if (this.#next.done === true) return undefined;
    return this.#keyOf(this.#next.value).startsWith(prefix) ? this.#next.value : undefined;
  }

  advance(): void {
    this.#next = this.#items.next();
  }
}
