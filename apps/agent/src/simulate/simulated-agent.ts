import {
  type AgentFacts,
  type AgentId,
  type AgentOrder,
  type AgentReport,
  type Heartbeat,
  type IdRuns,
  type InventoryItem,
  type LaneHead,
  type LaunchSet,
  type TaskTemplate,
  type VolumeId,
  eachIdRun,
  idOf,
} from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import {
  isNext,
  paceAfter,
  reportDueAt,
  takesSync,
  unreported,
  type EndTold,
  type ReportBatch,
} from '../agent-session.js';
import type { MockDriver } from './mock-driver.js';
import { taskFlag, taskState, type TaskTable } from './task-table.js';

/** What all agents of a fleet share. */
export interface FleetParts {
  readonly tasks: TaskTable;
  readonly driver: MockDriver;
  /** Where the tasks to be told are gathered; empty between two reports. */
  readonly batch: ReportBatch;
  /** The wheel's zero on the agents' clock. */
  readonly beganMs: EpochMs;
}

const ITEMS_PER_REPORT_MAX = 1000;
/** Ends that the cluster has not acknowledged, as of a real agent. */
const ENDED_KEPT_MAX = 5000;
const PIDS = 30_000;
/** Beyond what one seq has ordinals. */
const ORDINALS = 2 ** 22;

const untold = new Int32Array(ITEMS_PER_REPORT_MAX);

const ends: Readonly<Record<number, (exitCode: number) => EndTold>> = {
  [taskState.finished]: (code) => ({ state: 'FINISHED', exit: { code }, reason: 'exit-code' }),
  [taskState.failed]: (code) => ({ state: 'FAILED', exit: { code }, reason: 'exit-code' }),
  [taskState.killed]: () => ({ state: 'KILLED', exit: { signal: 'SIGTERM' }, reason: 'killed' }),
  [taskState.error]: () => ({ state: 'ERROR', reason: 'start-failed', message: 'simulated' }),
};
const states = ['ORDERED', 'RUNNING', 'FINISHED', 'FAILED', 'KILLED', 'ERROR'] as const;

/**
 * An agent without a machine: it judges orders, counts n and m, and batches reports as a real one does; its tasks are rows of
 * the fleet's table, and the mock driver is their fate.
 */
export class SimulatedAgent {
  journalId = '';
  number = 0;
  epoch = 0;
  obeyed = 0;
  made = 0;
  inventorySentAt: EpochMs = -Infinity;
  standDown: { readonly killTasks: boolean } | undefined;
  /** A report is under way. */
  outgoing = false;
  readonly #parts: FleetParts;
  readonly #volumes = new Set<VolumeId>();
  #doomed: VolumeId[] = [];
  #pace = unreported;
  /** Ends that were told, with the report that did. */
  #ended: { readonly task: number; readonly m: number }[] = [];
  #heartbeat:
    { readonly epoch: number; readonly obeyed: number; readonly m: number; readonly value: Buffer } | undefined;

  constructor(
    readonly index: number,
    readonly id: AgentId,
    readonly session: string,
    readonly facts: AgentFacts,
    parts: FleetParts,
  ) {
    this.#parts = parts;
  }

  /** An order for this agent alone. Says whether it is to send its Inventory. */
  obey(order: AgentOrder): boolean {
    if (order.session !== this.session || this.standDown !== undefined) return false;
    if (order.type === 'StandDown') {
      this.standDown = { killTasks: order.killTasks };
      if (order.killTasks) this.#forgetAll();
      return false;
    }
    if (order.reported !== undefined) this.#acknowledge(order.epoch, order.reported);
    if (order.type === 'Sync') return this.#synchronise(order);
    if (order.journalId !== this.journalId || !isNext(this, order)) return false;
    this.obeyed = order.n;
    if (order.type === 'DestroyVolumes') this.#destroy(order.volumes);
    return false;
  }

  /** Its part of a lane order: whether it is the one to obey next. */
  takes({ epoch, n, reported }: LaneHead, journalId: string): boolean {
    if (this.standDown !== undefined || journalId !== this.journalId) return false;
    this.#acknowledge(epoch, reported);
    if (!isNext(this, { epoch, n })) return false;
    this.obeyed = n;
    return true;
  }

  launch(seq: number, ordinal: number, template: TaskTemplate): void {
    const finishes = template.goal === 'RUNNING' ? 0 : taskFlag.finishes;
    const checked = template.readinessCheck === undefined ? 0 : taskFlag.checksReadiness;
    const { driver, tasks } = this.#parts;
    driver.order(tasks.add(this.index, seq, ordinal, finishes | checked));
  }

  hold(volumes: readonly VolumeId[]): void {
    for (const volume of volumes) this.#volumes.add(volume);
  }

  kill(launches: IdRuns): void {
    const { driver, tasks } = this.#parts;
    eachId(launches, (seq, ordinal) => {
      const task = tasks.find(this.index, seq, ordinal);
      if (task === undefined) this.#neverHeld(seq, ordinal);
      else if (tasks.isLive(task)) driver.kill(task);
      else this.#tellAgain(task);
    });
  }

  canReport(nowMs: EpochMs): boolean {
    return reportDueAt(this.#pace) <= nowMs && this.epoch > 0 && !this.outgoing && this.standDown === undefined;
  }

  get hasSomethingToTell(): boolean {
    return this.#doomed.length > 0 || this.#parts.tasks.hasUntold(this.index);
  }

  /** The next report, if there is anything to tell. */
  report(nowMs: EpochMs): AgentReport | undefined {
    const { batch } = this.#parts;
    this.#gather();
    if (batch.count === 0 && this.#doomed.length === 0) return undefined;
    const { id: agent, session, epoch, obeyed } = this;
    const head = { agent, session, epoch, m: this.made + 1, obeyed };
    this.made += 1;
    this.#pace = paceAfter(this.#pace, nowMs);
    if (batch.count > 0) return batch.take(head);
    const volumes = this.#doomed;
    this.#doomed = [];
    return { type: 'VolumesDestroyed', ...head, volumes };
  }

  inventory(nowMs: EpochMs): AgentReport {
    const { beganMs, tasks } = this.#parts;
    this.inventorySentAt = nowMs;
    const launches = Array.from(tasks.of(this.index), (task) => itemOf(tasks, task, beganMs));
    const { id: agent, session, epoch, obeyed, made: m, facts } = this;
    return { type: 'Inventory', agent, session, epoch, obeyed, m, launches, volumes: [...this.#volumes], ...facts };
  }

  /** The same bytes as long as nothing changed. */
  heartbeat(): Buffer {
    const { id: agent, session, epoch, obeyed, made: m } = this;
    const last = this.#heartbeat;
    if (last?.epoch === epoch && last.obeyed === obeyed && last.m === m) return last.value;
    const said: Heartbeat = { agent, session, epoch, obeyed, m };
    this.#heartbeat = { epoch, obeyed, m, value: Buffer.from(JSON.stringify(said)) };
    return this.#heartbeat.value;
  }

  /** What is new of its tasks goes into the batch. */
  #gather(): void {
    const { tasks } = this.#parts;
    const count = tasks.takeUntold(this.index, untold);
    // Rows in order of arrival: ids of one set follow each other.
    untold.subarray(0, count).sort();
    for (let at = 0; at < count; at += 1) this.#tell(untold[at]!);
  }

  #tell(task: number): void {
    const { batch, beganMs, tasks } = this.#parts;
    const seq = tasks.seq[task]!;
    const ordinal = tasks.ordinal[task]!;
    const state = tasks.state[task]!;
    if (state === taskState.ordered) {
      if (tasks.has(task, taskFlag.toldStarting)) return;
      tasks.set(task, taskFlag.toldStarting);
      return batch.starting(seq, ordinal);
    }
    if (state === taskState.running) {
      if (!tasks.has(task, taskFlag.toldRunning)) {
        tasks.set(task, taskFlag.toldRunning);
        const since = beganMs + tasks.changedMs[task]!;
        batch.running(seq, ordinal, since, pidOf(task), !tasks.has(task, taskFlag.checksReadiness));
      }
      if (!tasks.has(task, taskFlag.ready) || tasks.has(task, taskFlag.toldReady)) return;
      tasks.set(task, taskFlag.toldReady);
      return batch.readiness(seq, ordinal, true);
    }
    batch.ended(seq, ordinal, ends[state]!(tasks.exitCode[task]!), beganMs + tasks.changedMs[task]!);
    this.#ended.push({ task, m: this.made + 1 });
  }

  #synchronise(order: Extract<AgentOrder, { type: 'Sync' }>): boolean {
    if (!takesSync(this, order)) return false;
    if (order.epoch !== this.epoch) this.made = 0;
    const { journalId, epoch, number, n } = order;
    Object.assign(this, { journalId, epoch, number, obeyed: n });
    const spokenOf = new Set<number>();
    for (const set of order.keep) this.#keep(set, order.templates[set.templateDigest], spokenOf);
    eachId(order.kill, (seq, ordinal) => spokenOf.add(seq * ORDINALS + ordinal));
    this.kill(order.kill);
    const { driver, tasks } = this.#parts;
    for (const task of tasks.of(this.index)) {
      if (spokenOf.has(tasks.seq[task]! * ORDINALS + tasks.ordinal[task]!)) continue;
      if (tasks.isLive(task)) driver.kill(task);
    }
    this.#forgetEnds(({ task }) => !spokenOf.has(tasks.seq[task]! * ORDINALS + tasks.ordinal[task]!));
    this.#destroy(order.volumes);
    return order.askInventory;
  }

  #keep(set: LaunchSet, template: TaskTemplate | undefined, spokenOf: Set<number>): void {
    const { tasks } = this.#parts;
    for (const volumes of set.volumes ?? []) this.hold(volumes.map(({ volume }) => volume));
    eachId(set.launches, (seq, ordinal) => {
      spokenOf.add(seq * ORDINALS + ordinal);
      const task = tasks.find(this.index, seq, ordinal);
      if (task === undefined) this.launch(seq, ordinal, template!);
      else if (!tasks.isLive(task)) this.#tellAgain(task);
    });
  }

  #destroy(volumes: readonly VolumeId[]): void {
    for (const volume of volumes) this.#volumes.delete(volume);
    this.#doomed.push(...volumes);
  }

  #tellAgain(task: number): void {
    this.#ended = this.#ended.filter((told) => told.task !== task);
    this.#parts.tasks.tell(task);
  }

  /** Killed without ever having been here. */
  #neverHeld(seq: number, ordinal: number): void {
    const { driver, tasks } = this.#parts;
    const task = tasks.add(this.index, seq, ordinal, 0);
    tasks.changedMs[task] = driver.nowMs;
    driver.kill(task);
  }

  /** Ends that the journal has may be forgotten; the oldest go when too many are kept. */
  #acknowledge(epoch: number, reported: number): void {
    if (this.#ended.length === 0 || epoch !== this.epoch) return;
    const tooMany = this.#ended.length - ENDED_KEPT_MAX;
    this.#forgetEnds(({ m }, at) => m <= reported || at < tooMany);
  }

  #forgetEnds(known: (told: { readonly task: number; readonly m: number }, at: number) => boolean): void {
    const kept: { readonly task: number; readonly m: number }[] = [];
    for (const [at, told] of this.#ended.entries()) {
      if (known(told, at)) this.#parts.tasks.remove(told.task);
      else kept.push(told);
    }
    this.#ended = kept;
  }

  #forgetAll(): void {
    const { tasks } = this.#parts;
    while (tasks.hasUntold(this.index)) tasks.takeUntold(this.index, untold);
    for (const task of tasks.of(this.index)) tasks.remove(task);
    this.#ended = [];
  }
}

function eachId(launches: IdRuns, id: (seq: number, ordinal: number) => void): void {
  eachIdRun(launches, (seq, first, last) => {
    for (let ordinal = first; ordinal <= last; ordinal += 1) id(seq, ordinal);
  });
}

/** As a kernel numbers processes: small, and used again. */
function pidOf(task: number): number {
  return 1000 + (task % PIDS);
}

function itemOf(tasks: TaskTable, task: number, beganMs: EpochMs): InventoryItem {
  const state = tasks.state[task]!;
  const launch = idOf<InventoryItem['launch']>(tasks.seq[task]!, tasks.ordinal[task]!);
  const since = beganMs + tasks.changedMs[task]!;
  if (state === taskState.ordered) return { launch, state: 'ORDERED' };
  if (state === taskState.running) {
    const ready = !tasks.has(task, taskFlag.checksReadiness) || tasks.has(task, taskFlag.ready);
    return { launch, state: 'RUNNING', pid: pidOf(task), since, ready };
  }
  const { exit, reason, message } = ends[state]!(tasks.exitCode[task]!);
  return {
    launch,
    state: states[state]!,
    reason,
    ...(exit !== undefined && { exit }),
    ...(message !== undefined && { message }),
  };
}
