import { TimingWheel } from './timing-wheel.js';

const NONE = -1;

export const taskState = { ordered: 0, running: 1, finished: 2, failed: 3, killed: 4, error: 5 } as const;

export const taskFlag = {
  /** Its goal is to end by itself. */
  finishes: 1,
  checksReadiness: 2,
  ready: 4,
  killing: 8,
  /** What the reports so far have told of it. */
  toldStarting: 16,
  toldRunning: 32,
  toldReady: 64,
  toldEnd: 128,
} as const;

/**
 * Every launch that any agent of the fleet holds, in columns: 43 bytes each, so that millions fit into one process. The tasks of
 * an agent form a list in order of arrival, as do those of which the agent has something to tell.
 */
export class TaskTable {
  readonly wheel: TimingWheel;
  count = 0;
  /** Not ended. */
  live = 0;
  /** All that ever ran. */
  begun = 0;
  agent: Uint32Array;
  seq: Uint32Array;
  ordinal: Uint32Array;
  state: Uint8Array;
  flags: Uint8Array;
  exitCode: Uint8Array;
  /** When it was ordered, then when it began, then when it ended: milliseconds of the wheel. */
  changedMs: Uint32Array;
  next: Int32Array;
  before: Int32Array;
  /** NONE: nothing to tell; itself: the last of its list. */
  nextUntold: Int32Array;
  readonly #heads: Int32Array;
  readonly #tails: Int32Array;
  readonly #untoldHeads: Int32Array;
  readonly #untoldTails: Int32Array;
  readonly #free: number[] = [];
  #used = 0;

  constructor(agents: number, capacity: number) {
    this.wheel = new TimingWheel(capacity);
    this.agent = new Uint32Array(capacity);
    this.seq = new Uint32Array(capacity);
    this.ordinal = new Uint32Array(capacity);
    this.state = new Uint8Array(capacity);
    this.flags = new Uint8Array(capacity);
    this.exitCode = new Uint8Array(capacity);
    this.changedMs = new Uint32Array(capacity);
    this.next = new Int32Array(capacity);
    this.before = new Int32Array(capacity);
    this.nextUntold = new Int32Array(capacity);
    this.#heads = new Int32Array(agents).fill(NONE);
    this.#tails = new Int32Array(agents).fill(NONE);
    this.#untoldHeads = new Int32Array(agents).fill(NONE);
    this.#untoldTails = new Int32Array(agents).fill(NONE);
  }

  /** Of all columns, the room that is still free included. */
  get bytes(): number {
    return this.agent.length * 31 + this.wheel.bytes;
  }

  add(agent: number, seq: number, ordinal: number, flags: number): number {
    const task = this.#free.pop() ?? this.#newest();
    this.agent[task] = agent;
    this.seq[task] = seq;
    this.ordinal[task] = ordinal;
    this.state[task] = taskState.ordered;
    this.flags[task] = flags;
    this.exitCode[task] = 0;
    this.nextUntold[task] = NONE;
    const tail = this.#tails[agent]!;
    this.before[task] = tail;
    this.next[task] = NONE;
    if (tail === NONE) this.#heads[agent] = task;
    else this.next[tail] = task;
    this.#tails[agent] = task;
    this.count += 1;
    this.live += 1;
    return task;
  }

  /** A task of which there is nothing to tell any more. */
  remove(task: number): void {
    if (this.isLive(task)) this.live -= 1;
    const agent = this.agent[task]!;
    const next = this.next[task]!;
    const before = this.before[task]!;
    if (before === NONE) this.#heads[agent] = next;
    else this.next[before] = next;
    if (next === NONE) this.#tails[agent] = before;
    else this.before[next] = before;
    this.wheel.cancel(task);
    this.#free.push(task);
    this.count -= 1;
  }

  find(agent: number, seq: number, ordinal: number): number | undefined {
    for (let task = this.#heads[agent]!; task !== NONE; task = this.next[task]!) {
      if (this.ordinal[task] === ordinal && this.seq[task] === seq) return task;
    }
    return undefined;
  }

  *of(agent: number): IterableIterator<number> {
    for (let task = this.#heads[agent]!; task !== NONE;) {
      const next = this.next[task]!;
      yield task;
      task = next;
    }
  }

  isLive(task: number): boolean {
    return this.state[task]! <= taskState.running;
  }

  /** In a new state since then. */
  become(task: number, state: number, atMs: number): void {
    if (state === taskState.running) this.begun += 1;
    else if (this.isLive(task)) this.live -= 1;
    this.state[task] = state;
    this.changedMs[task] = atMs;
  }

  has(task: number, flag: number): boolean {
    return (this.flags[task]! & flag) !== 0;
  }

  set(task: number, flag: number): void {
    this.flags[task]! |= flag;
  }

  hasUntold(agent: number): boolean {
    return this.#untoldHeads[agent] !== NONE;
  }

  /** Its agent has something to tell of it. */
  tell(task: number): void {
    if (this.nextUntold[task] !== NONE) return;
    const agent = this.agent[task]!;
    const tail = this.#untoldTails[agent]!;
    this.nextUntold[task] = task;
    if (tail === NONE) this.#untoldHeads[agent] = task;
    else this.nextUntold[tail] = task;
    this.#untoldTails[agent] = task;
  }

  /** Takes at most so many off the list; gives how many it took. */
  takeUntold(agent: number, into: Int32Array): number {
    let taken = 0;
    let task = this.#untoldHeads[agent]!;
    while (task !== NONE && taken < into.length) {
      const next = this.nextUntold[task]!;
      this.nextUntold[task] = NONE;
      into[taken++] = task;
      task = next === task ? NONE : next;
    }
    this.#untoldHeads[agent] = task;
    if (task === NONE) this.#untoldTails[agent] = NONE;
    return taken;
  }

  #newest(): number {
    if (this.#used === this.agent.length) this.#grow(this.#used * 2);
    return this.#used++;
  }

  #grow(capacity: number): void {
    const grown = <Column extends Uint8Array | Uint32Array | Int32Array>(column: Column, larger: Column): Column => {
      larger.set(column);
      return larger;
    };
    this.agent = grown(this.agent, new Uint32Array(capacity));
    this.seq = grown(this.seq, new Uint32Array(capacity));
    this.ordinal = grown(this.ordinal, new Uint32Array(capacity));
    this.state = grown(this.state, new Uint8Array(capacity));
    this.flags = grown(this.flags, new Uint8Array(capacity));
    this.exitCode = grown(this.exitCode, new Uint8Array(capacity));
    this.changedMs = grown(this.changedMs, new Uint32Array(capacity));
    this.next = grown(this.next, new Int32Array(capacity));
    this.before = grown(this.before, new Int32Array(capacity));
    this.nextUntold = grown(this.nextUntold, new Int32Array(capacity));
    this.wheel.grow(capacity);
  }
}
