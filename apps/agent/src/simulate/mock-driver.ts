import { STARTING_DELAY_MS } from '../agent-state/reports.js';
import { choose, draw, lengthMs, type Distribution } from './chance.js';
import type { Knobs } from './knobs.js';
import { taskFlag, taskState, type TaskTable } from './task-table.js';

const purpose = {
  startDelay: 11,
  startError: 12,
  flaps: 13,
  flapAfter: 14,
  runTime: 15,
  exit: 16,
  ready: 17,
  stop: 18,
};

/**
 * Lets launches fare as the knobs say: started after a delay, or not at all; ready after another; ended by themselves, by
 * flapping, or by a kill. Each length is drawn for the launch from the seed, so that no two are alike and all can be
 * drawn again.
 */
export class MockDriver {
  readonly #tasks: TaskTable;
  readonly #knobs: Knobs;
  readonly #exitCodes: readonly (readonly [number, number])[];
  readonly #changed: (task: number) => void;
  #nowMs = 0;

  /** `changed`: there is something to tell of a task. */
  constructor(tasks: TaskTable, knobs: Knobs, changed: (task: number) => void) {
    this.#tasks = tasks;
    this.#knobs = knobs;
    this.#changed = changed;
    this.#exitCodes = Object.entries(knobs.exitCodes).map(([code, weight]) => [Number(code), weight]);
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  advance(toMs: number): void {
    this.#tasks.wheel.advance(toMs, (task, dueMs) => {
      this.#nowMs = dueMs;
      this.#due(task);
    });
    this.#nowMs = Math.max(this.#nowMs, toMs);
  }

  order(task: number): void {
    this.#tasks.changedMs[task] = this.#nowMs;
    this.#after(task, Math.min(this.#startDelayMs(task), STARTING_DELAY_MS));
  }

  /** Ends a live task: at once when it has not begun, else after the time that it takes to stop. */
  kill(task: number): void {
    const tasks = this.#tasks;
    if (!tasks.isLive(task) || tasks.has(task, taskFlag.killing)) return;
    if (tasks.state[task] === taskState.ordered) return this.#end(task, taskState.killed);
    tasks.set(task, taskFlag.killing);
    this.#after(task, this.#length(task, this.#knobs.stopDelayMs, purpose.stop));
  }

  #due(task: number): void {
    const tasks = this.#tasks;
    if (tasks.state[task] === taskState.ordered) return this.#begin(task);
    if (tasks.has(task, taskFlag.killing)) return this.#end(task, taskState.killed);
    if (!tasks.has(task, taskFlag.ready) && this.#readyAfterMs(task) < this.#endAfterMs(task))
      return this.#becomeReady(task);
    if (this.#flaps(task)) return this.#exit(task, 1);
    this.#exit(task, choose(this.#exitCodes, this.#draw(task, purpose.exit)));
  }

  /** It takes its time, so there is something to tell before it runs. */
  #isSlow(task: number): void {
    this.#after(task, this.#startDelayMs(task) - STARTING_DELAY_MS);
    this.#changed(task);
  }

  #begin(task: number): void {
    const tasks = this.#tasks;
    if (this.#nowMs - tasks.changedMs[task]! < this.#startDelayMs(task)) return this.#isSlow(task);
    if (this.#draw(task, purpose.startError) < this.#knobs.startErrors) return this.#end(task, taskState.error);
    tasks.become(task, taskState.running, this.#nowMs);
    // One that ends before its check has passed is never ready.
    const nextMs = Math.min(this.#readyAfterMs(task), this.#endAfterMs(task));
    if (nextMs < Infinity) this.#after(task, nextMs);
    this.#changed(task);
  }

  #becomeReady(task: number): void {
    this.#tasks.set(task, taskFlag.ready);
    const endAfterMs = this.#endAfterMs(task);
    if (endAfterMs < Infinity) this.#after(task, endAfterMs - this.#readyAfterMs(task));
    this.#changed(task);
  }

  #exit(task: number, code: number): void {
    this.#tasks.exitCode[task] = code;
    this.#end(task, code === 0 ? taskState.finished : taskState.failed);
  }

  #end(task: number, state: number): void {
    this.#tasks.wheel.cancel(task);
    this.#tasks.become(task, state, this.#nowMs);
    this.#changed(task);
  }

  #startDelayMs(task: number): number {
    return this.#length(task, this.#knobs.startDelayMs, purpose.startDelay);
  }

  #readyAfterMs(task: number): number {
    if (!this.#tasks.has(task, taskFlag.checksReadiness)) return Infinity;
    return this.#length(task, this.#knobs.readyAfterMs, purpose.ready);
  }

  #endAfterMs(task: number): number {
    const { flapping, finishAfterMs, runTimeMs } = this.#knobs;
    if (this.#flaps(task)) return this.#length(task, flapping.afterMs, purpose.flapAfter);
    if (this.#tasks.has(task, taskFlag.finishes)) return this.#length(task, finishAfterMs, purpose.runTime);
    return runTimeMs === undefined ? Infinity : this.#length(task, runTimeMs, purpose.runTime);
  }

  #flaps(task: number): boolean {
    return this.#knobs.flapping.share > 0 && this.#draw(task, purpose.flaps) < this.#knobs.flapping.share;
  }

  #length(task: number, distribution: Distribution, which: number): number {
    return lengthMs(distribution, this.#draw(task, which));
  }

  #draw(task: number, which: number): number {
    return draw(this.#knobs.seed, this.#tasks.seq[task]!, this.#tasks.ordinal[task]!, which);
  }

  #after(task: number, lengthMs: number): void {
    this.#tasks.wheel.schedule(task, Math.ceil(this.#nowMs + lengthMs));
  }
}
