import {
  agentStateOf,
  isLivePhase,
  LAUNCH_PHASE,
  LAUNCH_UNWANTED,
  RUN_MEMBERS_MAX,
  taskKey,
  tasksInOrder,
  taskViewOf,
  toldOf,
  type ClusterState,
  type LaunchRow,
  type RunRow,
  type TaskState,
} from '@orrery/domain';
import { SortedKeys } from '@orrery/kernel';
import type { Keyed } from './paging.js';

/**
 * Where tasks in a state can be: of the runs whose members are in a phase, and of launches by themselves in it, the keys. So
 * that the few that failed are found among a million that run.
 */
export class TaskStates {
  readonly #state: ClusterState;
  readonly #runs = new Map<string, SortedKeys<string>>();
  /** What each run was filed under, and which of them were written since: they are written often, and asked for seldom. */
  readonly #marks = new Map<string, number>();
  readonly #written = new Set<string>();
  readonly #rows = new Map<string, SortedKeys<string>>();

  constructor(state: ClusterState) {
    this.#state = state;
    state.runs.follow({
      written: (key) => void this.#written.add(key),
      cleared: () => {
        this.#runs.clear();
        this.#marks.clear();
        this.#written.clear();
      },
    });
    state.launches.follow({
      written: (_, before, after) => {
        for (const name of namesOf(before)) keysOf(this.#rows, name).remove(rowKey(before!));
        for (const name of namesOf(after)) keysOf(this.#rows, name).add(rowKey(after!));
      },
      cleared: () => this.#rows.clear(),
    });
  }

  /** The newest incarnation of each task that is in this state, in the order of their keys, from behind `after` on. */
  *tasks(wanted: TaskState, service: string | undefined, after: string | undefined): Generator<Keyed<LaunchRow>> {
    this.#fileRuns();
    const prefix = service === undefined ? '' : `${service}.`;
    let from = after !== undefined && after > prefix ? after : prefix;
    for (const { pods, first, last } of this.#stretches(wanted, from)) {
      if (!pods.startsWith(prefix) && pods > prefix) return;
      const end = `${pods}${indexKey(last)}/`;
      if (end <= from) continue;
      const begin = `${pods}${indexKey(first)}`;
      for (const [key, row] of tasksInOrder(this.#state, { service, from: begin > from ? begin : from })) {
        if (key >= end) break;
        if (taskViewOf(this.#state, row).state === wanted) yield [key, row];
      }
      from = end;
    }
  }

  *#stretches(wanted: TaskState, from: string): Generator<Stretch> {
    const [service, pod, index] = from.split('.');
    // A run that begins before may reach as far.
    const begin =
      index === undefined ? from : `${service}.${pod}.${indexKey(Math.max(0, Number(index) - RUN_MEMBERS_MAX + 1))}`;
    const sources = [keysOf(this.#runs, wanted), keysOf(this.#rows, wanted), this.#ofAgents(wanted)];
    for (const key of inOrder(sources.map((keys) => keys.from(begin)))) yield this.#stretchOf(key);
  }

  /** Members of a run, or the pod of a launch by itself. */
  #stretchOf(key: string): Stretch {
    const [service, pod, index] = key.split('.') as [string, string, string];
    const first = Number(index);
    const length = this.#state.runs.get(key)?.of.count ?? 1;
    return { pods: `${service}.${pod}.`, first, last: first + length - 1 };
  }

  /** What lives on agents that don't answer or are gone has no mark of its own. */
  #ofAgents(wanted: TaskState): SortedKeys<string> {
    const keys = new SortedKeys<string>();
    const agentState = wanted === 'UNREACHABLE' ? 'UNREACHABLE' : wanted === 'LOST' ? 'GONE' : undefined;
    if (agentState === undefined) return keys;
    const { agents, runs, launches } = this.#state;
    for (const row of agents.values()) {
      if (agentStateOf(row) !== agentState) continue;
      for (const key of runs.onAgent(row.number)) keys.add(key);
      for (const [, launch] of launches.by('liveOn', row.agent)) keys.add(rowKey(launch));
    }
    return keys;
  }

  #fileRuns(): void {
    for (const key of this.#written) {
      const [before, after] = [this.#marks.get(key) ?? 0, marksOf(this.#state.runs.get(key))];
      for (const [mark, name] of marks) {
        if ((before & mark) === (after & mark)) continue;
        if ((after & mark) === 0) keysOf(this.#runs, name).remove(key);
        else keysOf(this.#runs, name).add(key);
      }
      if (after === 0) this.#marks.delete(key);
      else this.#marks.set(key, after);
    }
    this.#written.clear();
  }
}

/** Pods of one type, between two indexes, both inclusive. */
interface Stretch {
  /** What their keys begin with. */
  readonly pods: string;
  readonly first: number;
  readonly last: number;
}

const marks: readonly (readonly [mark: number, state: TaskState])[] = [
  [1, 'STAGING'],
  [2, 'STARTING'],
  [4, 'RUNNING'],
  [8, 'KILLING'],
];

/** Bits of the states that any of its members is in. */
function marksOf(run: RunRow | undefined): number {
  let found = 0;
  for (let member = 0; member < (run?.of.count ?? 0); member += 1) {
    const told = toldOf(run!, member);
    if (told === 0) continue;
    found |= 1 << ((told & LAUNCH_PHASE) - 1);
    if ((told & LAUNCH_UNWANTED) !== 0) found |= 8;
  }
  return found;
}

function namesOf(row: LaunchRow | undefined): readonly string[] {
  if (row === undefined) return [];
  return row.unwanted && isLivePhase(row.phase) ? [row.phase, 'KILLING'] : [row.phase];
}

function rowKey(row: LaunchRow): string {
  return `${taskKey(row)} ${row.launch}`;
}

function keysOf(of: Map<string, SortedKeys<string>>, name: string): SortedKeys<string> {
  let keys = of.get(name);
  if (keys === undefined) of.set(name, (keys = new SortedKeys<string>()));
  return keys;
}

function* inOrder(sources: readonly Iterator<string>[]): Generator<string> {
  const heads = sources.map((source) => source.next());
  for (;;) {
    let least = -1;
    for (const [at, head] of heads.entries()) {
      if (head.done !== true && (least === -1 || head.value < heads[least]!.value!)) least = at;
    }
    if (least === -1) return;
    yield heads[least]!.value!;
    heads[least] = sources[least]!.next();
  }
}

function indexKey(index: number): string {
  return String(index).padStart(7, '0');
}
