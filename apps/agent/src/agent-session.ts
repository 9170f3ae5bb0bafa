import {
  columnOf,
  IdRunsBuilder,
  valueAt,
  type AgentReport,
  type LaneOrder,
  type LaneHead,
  type TaskEnds,
  type TasksRun,
} from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';

/**
 * What any agent does, whatever runs its tasks: which orders count, and what goes together into one report. Pure, and light
 * enough for thousands of agents in one process.
 */

/** What an agent remembers of its registration to judge an order. */
export interface Registration {
  /** Of the cluster journal that it obeys; empty before the first answer. */
  readonly journalId: string;
  /** How lane orders name it; 0 before the first Sync. */
  readonly number: number;
  readonly epoch: number;
  /** Last n obeyed in this epoch. */
  readonly obeyed: number;
}

/** Orders are taken n by n. A higher one means that something was lost: heartbeats tell, and a Sync heals the gap. */
export function isNext(
  { epoch, obeyed }: Registration,
  order: { readonly epoch: number; readonly n: number },
): boolean {
  return order.epoch === epoch && order.n === obeyed + 1;
}

/** A Sync says everything up to its n, so any that is above the last order counts. */
export function takesSync(
  { epoch, obeyed }: Registration,
  order: { readonly epoch: number; readonly n: number },
): boolean {
  return order.epoch > epoch || (order.epoch === epoch && order.n > obeyed);
}

export interface OwnPart extends LaneHead {
  /** Which of the agents of the order this one is. */
  readonly at: number;
}

/** What a lane order has for this agent, if anything; whether it is the next one, `isNext` tells. */
export function ownPart(order: LaneOrder, { journalId, number }: Registration): OwnPart | undefined {
  if (number === 0 || order.journalId !== journalId) return undefined;
  const { numbers, epochs, ns, reported } = order.to;
  const at = numbers.indexOf(number);
  if (at < 0) return undefined;
  return { epoch: valueAt(epochs, at), n: valueAt(ns, at), reported: valueAt(reported, at), at };
}

// --- Reports --------------------------------------------------------------------------------------------------------

/** From one report to the next while there is always something to tell. */
const REPORT_GAPS_MS = {
  /** Of an order for a handful of tasks somebody waits for each. */
  few: [50, 50, 75, 100, 150, 300, 600, 1000],
  many: [50, 100, 300, 600, 1000],
} as const;
const GAP_AFTER_COMPLETE = 0;
const GAP_AFTER_PAUSE = 1;
/** After so much longer than that without a report, the next one is a first one. */
const PAUSE_MS = 1000;
/** So many tasks about to begin are a handful. */
const FEW_MAX = 16;

/** When the last report was made, and which of the gaps follows it. */
export interface ReportPace {
  readonly at: EpochMs;
  readonly gap: number;
}

export const unreported: ReportPace = { at: 0, gap: GAP_AFTER_PAUSE };

/**
 * The pace after one more report; `beginning`: tasks that are ordered and have not begun. The first report goes at once, those
 * that follow it wait longer and longer, up to a second: of a steady stream to thousands of agents each report costs every
 * reader of the journal more than what it tells. Where only a few begin the waits grow later, which costs three reports a
 * stream. A pause ends a stream, and so does a report after which nothing is about to begin: who waits for a few tasks waits
 * for the last of them too, and the next ones are others.
 */
export function paceAfter(last: ReportPace, at: EpochMs, beginning = Infinity): ReportPace {
  if (beginning === 0) return { at, gap: GAP_AFTER_COMPLETE };
  const steady = last.at > 0 && at <= reportDueAt(last) + PAUSE_MS;
  return { at, gap: steady ? Math.min(last.gap + 1, REPORT_GAPS_MS.few.length - 1) : GAP_AFTER_PAUSE };
}

export function reportDueAt({ at, gap }: ReportPace, beginning = Infinity): EpochMs {
  const gapsMs = REPORT_GAPS_MS[beginning <= FEW_MAX ? 'few' : 'many'];
  return at + gapsMs[beginning === 0 ? GAP_AFTER_COMPLETE : Math.min(gap, gapsMs.length - 1)]!;
}

/** An end as it is told: launches that ended alike are told together. */
export type EndTold = Omit<TaskEnds, 'launches' | 'agentTime'>;

export type TaskStates = Extract<AgentReport, { type: 'TaskStates' }>;
export type ReportHead = Pick<TaskStates, 'agent' | 'session' | 'epoch' | 'm' | 'obeyed'>;

/** What is told with the next report, in columns. STARTING is left out where RUNNING is told at the same time. */
export class ReportBatch {
  #starting: (readonly [seq: number, ordinal: number])[] = [];
  #running = new RunningColumns();
  #runningReady = new RunningColumns();
  #ready = new IdRunsBuilder();
  #unready = new IdRunsBuilder();
  #ended = new Map<string, { readonly end: EndTold; readonly launches: IdRunsBuilder; agentTime: EpochMs }>();
  /** Things to tell. */
  count = 0;

  starting(seq: number, ordinal: number): void {
    this.#starting.push([seq, ordinal]);
    this.count += 1;
  }

  /** `ready`: nothing checks whether it is. */
  running(seq: number, ordinal: number, since: EpochMs, pid: number, ready: boolean): void {
    (ready ? this.#runningReady : this.#running).add(seq, ordinal, since, pid);
    this.count += 1;
  }

  readiness(seq: number, ordinal: number, ready: boolean): void {
    (ready ? this.#ready : this.#unready).add(seq, ordinal);
    this.count += 1;
  }

  ended(seq: number, ordinal: number, end: EndTold, at: EpochMs): void {
    const key = JSON.stringify([end.state, end.reason, end.exit, end.message]);
    let alike = this.#ended.get(key);
    if (alike === undefined) {
      alike = { end, launches: new IdRunsBuilder(), agentTime: at };
      this.#ended.set(key, alike);
    }
    alike.launches.add(seq, ordinal);
    alike.agentTime = Math.max(alike.agentTime, at);
    this.count += 1;
  }

  /** Everything as one report; the batch is empty afterwards. */
  take(head: ReportHead): TaskStates {
    const starting = new IdRunsBuilder();
    const begun = this.#starting.length === 0 ? undefined : this.#begun();
    for (const [seq, ordinal] of this.#starting) if (!begun!.has(`${seq}.${ordinal}`)) starting.add(seq, ordinal);
    const running = [...this.#running.take(false), ...this.#runningReady.take(true)];
    const ended = Array.from(this.#ended.values(), ({ end, launches, agentTime }): TaskEnds => ({
      launches: launches.runs,
      ...end,
      agentTime,
    }));
    const report: TaskStates = {
      type: 'TaskStates',
      ...head,
      ...(starting.count > 0 && { starting: starting.runs }),
      ...(running.length > 0 && { running }),
      ...(this.#ready.count > 0 && { ready: this.#ready.runs }),
      ...(this.#unready.count > 0 && { unready: this.#unready.runs }),
      ...(ended.length > 0 && { ended }),
    };
    this.#starting = [];
    this.#ready = new IdRunsBuilder();
    this.#unready = new IdRunsBuilder();
    this.#ended = new Map();
    this.count = 0;
    return report;
  }

  #begun(): Set<string> {
    return new Set([...this.#running.ids(), ...this.#runningReady.ids()]);
  }
}

/** Processes that exist. */
class RunningColumns {
  #seqs: number[] = [];
  #ordinals: number[] = [];
  #since: EpochMs[] = [];
  #pids: number[] = [];
  #isInOrder = true;

  add(seq: number, ordinal: number, since: EpochMs, pid: number): void {
    const last = this.#seqs.length - 1;
    if (last >= 0 && (seq - this.#seqs[last]! || ordinal - this.#ordinals[last]!) < 0) this.#isInOrder = false;
    this.#seqs.push(seq);
    this.#ordinals.push(ordinal);
    this.#since.push(since);
    this.#pids.push(pid);
  }

  *ids(): IterableIterator<string> {
    for (let at = 0; at < this.#seqs.length; at += 1) yield `${this.#seqs[at]}.${this.#ordinals[at]}`;
  }

  /** None or one; empties the columns. */
  take(ready: boolean): TasksRun[] {
    if (this.#seqs.length === 0) return [];
    if (!this.#isInOrder) this.#sort();
    const launches = new IdRunsBuilder();
    for (const [at, seq] of this.#seqs.entries()) launches.add(seq, this.#ordinals[at]!);
    const sinceFrom = Math.min(...this.#since);
    const since = columnOf(this.#since.map((ms) => ms - sinceFrom));
    const pids = columnOf(this.#pids);
    this.#seqs = [];
    this.#ordinals = [];
    this.#since = [];
    this.#pids = [];
    this.#isInOrder = true;
    return [{ launches: launches.runs, sinceFrom, since, pids, ...(ready && { ready }) }];
  }

  /** By id: what began together may have been told in any order, and follows each other in few runs. */
  #sort(): void {
    const [seqs, ordinals] = [this.#seqs, this.#ordinals];
    const order = Array.from(seqs.keys()).sort(
      (left, right) => seqs[left]! - seqs[right]! || ordinals[left]! - ordinals[right]!,
    );
    const sorted = (column: readonly number[]) => order.map((at) => column[at]!);
    [this.#seqs, this.#ordinals] = [sorted(seqs), sorted(ordinals)];
    [this.#since, this.#pids] = [sorted(this.#since), sorted(this.#pids)];
  }
}
