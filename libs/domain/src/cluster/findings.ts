import {
  columnOf,
  countIds,
  eachIdRun,
  IdRunsBuilder,
  valueAt,
  type AgentId,
  type ClusterEvent,
  type IdRuns,
  type TaskEnds,
  type TasksRun,
  type Teller,
} from '@orrery/contracts';
import { canAdvance } from './evolve-launches.js';
import { mergedIds, mergedRuns } from './merged-sets.js';
import { PHASE, READY, RUNNING, STAGING } from './runs.js';
import { flagsOf, idsWhere, type Flags } from './select.js';
import type { AgentRow, ClusterState, LaunchRow } from './state.js';

/** What agents say that the state did not know yet, as sets. */
export class Findings {
  readonly #starting: IdRuns[] = [];
  readonly #running: TasksRun[] = [];
  readonly #ready: IdRuns[] = [];
  readonly #unready: IdRuns[] = [];
  readonly #ended: TaskEnds[] = [];
  readonly #late: TaskEnds[] = [];
  readonly #lost = new IdRunsBuilder();
  /** Launches that live no longer. */
  ends = 0;

  starting(launches: IdRuns): void {
    if (launches.length > 0) this.#starting.push(launches);
  }

  running(tasks: TasksRun): void {
    if (tasks.launches.length > 0) this.#running.push(tasks);
  }

  readiness(launches: IdRuns, ready: boolean): void {
    if (launches.length > 0) (ready ? this.#ready : this.#unready).push(launches);
  }

  ended(ends: TaskEnds): void {
    if (ends.launches.length === 0) return;
    this.ends += countIds(ends.launches);
    this.#ended.push(ends);
  }

  late(ends: TaskEnds): void {
    if (ends.launches.length > 0) this.#late.push(ends);
  }

  /** Wanted and not there: never to be heard of again. */
  lost(seq: number, ordinal: number): void {
    this.ends += 1;
    this.#lost.add(seq, ordinal);
  }

  /** As events; `m` is 0 when the master concluded them. Empty when nothing new was found. */
  events(agent: AgentId, epoch: number, m: number, lostReason: string): ClusterEvent[] {
    const events = this.#told({ agent, epoch, m });
    if (this.#lost.count > 0) {
      events.push({ type: 'TasksLost', data: { agent, epoch, launches: this.#lost.runs, reason: lostReason } });
    }
    return events;
  }

  /** What reports of several agents told, as sets of all of them. */
  eventsTogether(): ClusterEvent[] {
    for (const sets of [this.#starting, this.#ready, this.#unready]) {
      if (sets.length > 1) sets.splice(0, sets.length, mergedIds(sets));
    }
    this.#running.splice(0, this.#running.length, ...mergedRuns(this.#running));
    return this.#told({});
  }

  #told(head: Teller): ClusterEvent[] {
    const events: ClusterEvent[] = [];
    const messages = this.#ended.length + this.#late.length;
    for (const launches of this.#starting) events.push({ type: 'TasksStarting', data: { ...head, launches } });
    for (const tasks of this.#running) events.push({ type: 'TasksRunning', data: { ...head, ...tasks } });
    for (const launches of this.#ready) events.push({ type: 'TasksReady', data: { ...head, launches, ready: true } });
    for (const launches of this.#unready) {
      events.push({ type: 'TasksReady', data: { ...head, launches, ready: false } });
    }
    if (this.#ended.length > 0)
      events.push({ type: 'TasksEnded', data: { ...head, ends: shortened(this.#ended, messages) } });
    if (this.#late.length > 0) {
      events.push({ type: 'TasksReportedLate', data: { ...head, ends: shortened(this.#late, messages) } });
    }
    return events;
  }
}

/** Of all messages of one decision together: a decision may not exceed 256 KiB. */
const MESSAGES_LENGTH_MAX = 30_000;
const MESSAGE_LENGTH_MAX = 500;

/** The more tasks end at once, the less can be kept of what each of them said. */
function shortened(ends: readonly TaskEnds[], messages: number): TaskEnds[] {
  const lengthMax = Math.min(MESSAGE_LENGTH_MAX, Math.floor(MESSAGES_LENGTH_MAX / messages));
  return ends.map((end) => (end.message === undefined ? end : { ...end, message: cut(end.message, lengthMax) }));
}

/** To a length as it will be written, where a control character takes six. */
function cut(message: string, lengthMax: number): string {
  if (message.length <= lengthMax && writtenLength(message) <= lengthMax) return message;
  let text = message.slice(0, lengthMax - 1);
  for (let length = writtenLength(text); length >= lengthMax; length = writtenLength(text)) {
    text = text.slice(0, Math.floor((text.length * (lengthMax - 1)) / length));
  }
  return `${text}…`;
}

function writtenLength(text: string): number {
  return JSON.stringify(text).length - 2;
}

// --- What of a report is news ---------------------------------------------------------------------------------------

/** Of these launches, those that live on the agent and of which the report says something new. */
export class News {
  readonly #state: ClusterState;
  readonly #on: number;

  constructor(state: ClusterState, { number }: AgentRow) {
    this.#state = state;
    this.#on = number;
  }

  starting(launches: IdRuns): IdRuns {
    const isNew = this.#which(
      launches,
      (told) => (told & PHASE) === STAGING,
      (row) => canAdvance(row.phase, 'STARTING'),
    );
    return idsWhere(launches, isNew);
  }

  running(tasks: TasksRun): TasksRun {
    const { launches, since, pids } = tasks;
    const isNew = this.#which(
      launches,
      (told) => (told & PHASE) !== RUNNING,
      (row) => canAdvance(row.phase, 'RUNNING'),
    );
    if (isNew === 'all') return tasks;
    const [sinces, numbers]: [number[], number[]] = [[], []];
    isNew.forEach((yes, position) => {
      if (yes === 0) return;
      sinces.push(valueAt(since, position));
      numbers.push(valueAt(pids, position));
    });
    return { ...tasks, launches: idsWhere(launches, isNew), since: columnOf(sinces), pids: columnOf(numbers) };
  }

  /** `ran`: what the same report says to run. */
  readiness(launches: IdRuns, ready: boolean, ran: readonly TasksRun[]): IdRuns {
    const isNew = this.#which(
      launches,
      (told) => ((told & READY) !== 0) !== ready,
      (row) => row.ready !== ready,
    );
    const begun = ran.filter((tasks) => (tasks.ready === true) !== ready).map((tasks) => tasks.launches);
    if (isNew === 'all' || begun.length === 0) return idsWhere(launches, isNew);
    const since = new IdSet();
    for (const ids of begun) eachIdRun(ids, (seq, first, last) => since.add(seq, first, last));
    const live = this.#which(
      launches,
      () => true,
      () => true,
    );
    eachIdRun(launches, (seq, first, last, position) => {
      for (let ordinal = first; ordinal <= last; ordinal += 1) {
        const at = position + ordinal - first;
        if (since.has(seq, ordinal) && (live === 'all' || live[at] === 1)) isNew[at] = 1;
      }
    });
    return idsWhere(launches, isNew);
  }

  /** `ended`: what the same report said before to have ended. The rest had ended before, or is not known. */
  ended(ends: TaskEnds, ended: IdSet): { readonly news: TaskEnds; readonly late: TaskEnds } {
    const { launches } = ends;
    const live = this.#which(
      launches,
      () => true,
      () => true,
    );
    const [news, late] = [new IdRunsBuilder(), new IdRunsBuilder()];
    eachIdRun(launches, (seq, first, last, position) => {
      for (let ordinal = first; ordinal <= last; ordinal += 1) {
        const known = live === 'all' || live[position + ordinal - first] === 1;
        const isNew = known && ended.add(seq, ordinal, ordinal);
        (isNew ? news : late).add(seq, ordinal);
      }
    });
    return { news: { ...ends, launches: news.runs }, late: { ...ends, launches: late.runs } };
  }

  #which(launches: IdRuns, member: (told: number) => boolean, row: (row: LaunchRow) => boolean): Flags {
    return flagsOf(this.#state, launches, {
      member: (told, on) => on === this.#on && member(told),
      row: (each) => each.on === this.#on && row(each),
    });
  }
}

export class IdSet {
  readonly #ordinals = new Map<number, Set<number>>();

  /** False when the last of them was there. */
  add(seq: number, first: number, last: number): boolean {
    let ordinals = this.#ordinals.get(seq);
    if (ordinals === undefined) this.#ordinals.set(seq, (ordinals = new Set()));
    const isNew = !ordinals.has(last);
    for (let ordinal = first; ordinal <= last; ordinal += 1) ordinals.add(ordinal);
    return isNew;
  }

  has(seq: number, ordinal: number): boolean {
    return this.#ordinals.get(seq)?.has(ordinal) === true;
  }
}
