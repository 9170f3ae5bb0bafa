import type { Clock } from '@orrery/control-loop';
import type { AgentState } from './agent-state/agent-state.js';
import { nextTickAt, step, type AgentInput } from './agent-state/step.js';
import type { Effect } from './agent-state/turn.js';
import type { Checkpoint } from './checkpoint.js';

export interface AgentLoopOptions {
  readonly checkpoint: Checkpoint;
  readonly act: (effect: Effect) => void;
  readonly clock: Clock;
  /** The loop has stopped: what is on disk is all that counts now. */
  readonly onFailure: (error: unknown) => void;
}

type Untimed<Input> = Input extends AgentInput ? Omit<Input, 'at'> : never;

/** Inputs that one write to disk may carry. */
const GROUP_MAX = 256;

/** Takes inputs in order, makes their facts safe together, then lets their effects happen. */
export class AgentLoop {
  readonly #options: AgentLoopOptions;
  #queue: AgentInput[] = [];
  #running: Promise<void> | undefined;
  #cancelTick: (() => void) | undefined;
  #stopped = false;

  constructor(options: AgentLoopOptions) {
    this.#options = options;
  }

  get state(): AgentState {
    return this.#options.checkpoint.state;
  }

  submit(input: Untimed<AgentInput>): void {
    if (this.#stopped) return;
    this.#queue.push({ ...input, at: this.#options.clock.nowMs() });
    this.#running ??= this.#run();
  }

  /** Resolves when nothing waits: whoever brings many inputs waits for it between them. */
  async settled(): Promise<void> {
    while (this.#running !== undefined) await this.#running;
  }

  stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTick?.();
    return this.settled();
  }

  async #run(): Promise<void> {
    try {
      while (this.#queue.length > 0) await this.#takeGroup(this.#queue.splice(0, GROUP_MAX));
      this.#scheduleTick();
    } catch (error) {
      this.#stopped = true;
      this.#queue = [];
      this.#options.onFailure(error);
    } finally {
      this.#running = undefined;
    }
  }

  async #takeGroup(group: readonly AgentInput[]): Promise<void> {
    const { checkpoint, act } = this.#options;
    const steps = group.map((input) => step(checkpoint.state, input));
    await checkpoint.append(steps.flatMap(({ facts }) => facts));
    for (const effect of steps.flatMap(({ effects }) => effects)) act(effect);
  }

  #scheduleTick(): void {
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    const { clock } = this.#options;
    const at = nextTickAt(this.state);
    if (at === undefined || this.#stopped) return;
    this.#cancelTick = clock.after(Math.max(1, at - clock.nowMs()), () => this.submit({ type: 'tick' }));
  }
}
