import { eachIdRun, valueAt, type ClusterEventOf, type IdRuns, type TasksRun, type TaskEnds } from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import { countUses } from './evolve-accepted.js';
import { endedOfService, findLaunches, isNewer, launchesOfTask } from './find.js';
import { idKey } from './keys.js';
import type { CountersDraft } from './registry.js';
import { RunDrafts } from './run-draft.js';
import {
  FINAL,
  idOfMember,
  numberAt,
  PHASE,
  PID_MAX,
  PID_UNIT,
  READY,
  RUNNING,
  SINCE_MAX,
  STARTING,
  UNWANTED,
} from './runs.js';
import { isLive, keyOfId, type ClusterState, type LaunchPhase, type LaunchRow } from './state.js';

// What happens to launches that are known. Members of a run change together, rows of their own one by one.

/** Phases only rise, and an end is for ever. */
export function canAdvance(from: LaunchPhase, to: 'STARTING' | 'RUNNING'): boolean {
  return from === 'STAGING' || (from === 'STARTING' && to === 'RUNNING');
}

export function start(state: ClusterState, launches: IdRuns): void {
  changeEach(state, launches, {
    member: (told) => ((told & PHASE) < STARTING ? (told & ~PHASE) | STARTING : told),
    row: (row) => (canAdvance(row.phase, 'STARTING') ? { ...row, phase: 'STARTING' } : row),
  });
}

export function markReady(state: ClusterState, launches: IdRuns, ready: boolean): void {
  changeEach(state, launches, {
    member: (told) => (ready ? told | READY : told & ~READY),
    row: (row) => (isLive(row) && row.ready !== ready ? { ...row, ready } : row),
  });
}

/** For each agent that has any of them this is the next order. */
export function killLaunches(state: ClusterState, { launches, ...kill }: ClusterEventOf<'KillAccepted'>['data']): void {
  const final = kill.final === true;
  const killed = new Set<number>();
  const marks = final ? UNWANTED | FINAL : UNWANTED;
  changeEach(state, launches, {
    member: (told, on) => {
      killed.add(on);
      return told | marks;
    },
    row: (row) => {
      if (!isLive(row)) return row;
      killed.add(row.on);
      return { ...row, unwanted: true, final: row.final || final };
    },
  });
  const draft = state.counters.draft();
  for (const agent of killed) draft.add('ordered', agent, 1);
  draft.write();
}

interface Change {
  /** What is told of a member of a run from now on. */
  member(told: number, on: number): number;
  row(row: LaunchRow): LaunchRow;
}

function changeEach(state: ClusterState, launches: IdRuns, change: Change): void {
  const drafts = new RunDrafts(state);
  findLaunches(state, launches, {
    run: (key, run, from, to) => {
      const draft = drafts.of(key, run);
      for (let member = from; member < to; member += 1) {
        const told = draft.told(member);
        if (told !== 0) draft.tell(member, change.member(told, numberAt(run.of.agents, member)));
      }
    },
    row: (key, row) => state.launches.put(key, change.row(row)),
  });
  drafts.write();
}

// --- RUNNING --------------------------------------------------------------------------------------------------------

export function run(state: ClusterState, { launches, sinceFrom, since, pids, ready }: TasksRun): void {
  const runRow = (row: LaunchRow, position: number): LaunchRow => {
    if (!canAdvance(row.phase, 'RUNNING')) return row;
    const at: EpochMs = sinceFrom + valueAt(since, position);
    return { ...row, phase: 'RUNNING', since: at, pid: valueAt(pids, position), ready: row.ready || ready === true };
  };
  const marks = ready === true ? RUNNING | READY : RUNNING;
  const drafts = new RunDrafts(state);
  findLaunches(state, launches, {
    run: (key, before, from, to, position) => {
      const draft = drafts.of(key, before);
      for (let member = from; member < to; member += 1) {
        const told = draft.told(member);
        if (told === 0 || (told & PHASE) === RUNNING) continue;
        const at = position + member - from;
        const after = sinceFrom + valueAt(since, at) - before.of.acceptedAt;
        const pid = valueAt(pids, at);
        if (Math.abs(after) > SINCE_MAX || pid > PID_MAX) {
          draft.moveOut(member, (row) => runRow(row, at));
          continue;
        }
        draft.tell(member, (told & ~PHASE) | marks | (pid * PID_UNIT));
        draft.setSince(member, after);
      }
    },
    row: (key, row, position) => state.launches.put(key, runRow(row, position)),
  });
  drafts.write();
}

// --- Ends -----------------------------------------------------------------------------------------------------------

type End = Omit<TaskEnds, 'launches' | 'agentTime'>;

export function loseLaunches(state: ClusterState, { launches, reason }: ClusterEventOf<'TasksLost'>['data']): void {
  endLaunches(state, { launches, state: 'LOST', reason });
}

export function endLaunches(state: ClusterState, { launches, ...end }: TaskEnds): void {
  const ends = new Ends(state, end);
  const drafts = new RunDrafts(state);
  findLaunches(state, launches, {
    run: (key, run, from, to) => {
      const draft = drafts.of(key, run);
      for (let member = from; member < to; member += 1) {
        const told = draft.told(member);
        if (told === 0) continue;
        ends.count(run.of.templateDigest, numberAt(run.of.agents, member));
        const { incarnation } = idOfMember(run, member);
        const over = (told & FINAL) !== 0 || hasNewer(state, { ...run.of, incarnation, index: run.of.index + member });
        if (over) draft.drop(member);
        else draft.moveOut(member, (row) => ends.ended(row));
      }
    },
    row: (key, row) => {
      if (!isLive(row)) return;
      ends.count(row.templateDigest, row.on);
      if (row.final || hasNewer(state, row)) state.launches.delete(key);
      else state.launches.put(key, ends.ended(row));
    },
  });
  drafts.write();
  ends.write();
}

/** Ends of one event: what they take from agents and templates. */
class Ends {
  readonly #state: ClusterState;
  readonly #end: End;
  readonly #counters: CountersDraft;
  readonly #uses = new Map<string, number>();

  constructor(state: ClusterState, end: End) {
    this.#state = state;
    this.#end = end;
    this.#counters = state.counters.draft();
  }

  count(digest: string, on: number): void {
    this.#counters.add('live', on, -1);
    this.#uses.set(digest, (this.#uses.get(digest) ?? 0) - 1);
  }

  ended(row: LaunchRow): LaunchRow {
    const { pid: _, ...rest } = row;
    const { state: phase, reason, exit, message } = this.#end;
    return {
      ...rest,
      ...{ phase, ready: false, reason },
      ...(exit === undefined ? {} : { exit }),
      ...(message === undefined ? {} : { message }),
    };
  }

  write(): void {
    this.#counters.write();
    for (const [digest, change] of this.#uses) countUses(this.#state, digest, change);
  }
}

type Life = Pick<LaunchRow, 'service' | 'pod' | 'index' | 'task' | 'generation' | 'incarnation'>;

function hasNewer(state: ClusterState, life: Life): boolean {
  for (const other of launchesOfTask(state, life)) if (isNewer(other, life)) return true;
  return false;
}

// --- What is known no longer ----------------------------------------------------------------------------------------

/** Keys of ended launches whose grant is one of these. */
export function endedOn(state: ClusterState, seq: number, first: number, last: number): string[] {
  const keys: string[] = [];
  const until = idKey(seq, last);
  for (const grant of state.launches.valuesOf('endedOf', idKey(seq, first))) {
    if (grant > until) break;
    keys.push(...state.launches.keysBy('endedOf', grant));
  }
  return keys;
}

export function dropGrants(state: ClusterState, grants: IdRuns): void {
  eachIdRun(grants, (seq, first, last) => {
    for (const key of endedOn(state, seq, first, last)) state.launches.delete(key);
  });
}

export function dropService(state: ClusterState, service: ClusterEventOf<'ServiceForgotten'>['data']): void {
  for (const { launch } of [...endedOfService(state, service)]) state.launches.delete(keyOfId(launch));
}
