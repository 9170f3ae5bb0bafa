import { evolve, type AgentFact } from '../../apps/agent/src/agent-state/agent-fact.js';
import { newState, restoreState, saveState, type AgentState } from '../../apps/agent/src/agent-state/agent-state.js';
import type { Checkpoint } from '../../apps/agent/src/checkpoint.js';
import type { AgentId } from '@orrery/contracts';
import type { Clock } from '@orrery/control-loop';
import type { Ended, Observation, Runtime } from '@orrery/runtimes';
import type { SeededRandom } from '@orrery/testing';

interface SimulatedTask {
  state: 'never' | 'running' | 'ended';
  readonly pid: number;
  readonly since: number;
  code: number;
  signal: string | undefined;
  at: number;
}

/**
 * A machine without an agent: its disk and its tasks, which live on when the agent that started them is killed, and go on to
 * begin when it is killed just before. Give each life of the agent the checkpoint and the runtime of this machine.
 */
export class SimulatedMachine {
  readonly tasks = new Map<string, SimulatedTask>();
  /** How often a process was made for a launch; more than once is what must never be. */
  readonly starts = new Map<string, number>();
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  #id: AgentId | undefined;
  #saved: string | undefined;
  #facts: string[] = [];
  #pids = 100;

  constructor(clock: Clock, random: SeededRandom) {
    this.#clock = clock;
    this.#random = random;
  }

  get running(): string[] {
    return [...this.tasks].filter(([, { state }]) => state === 'running').map(([launch]) => launch);
  }

  /** A task ends by itself. */
  endTask(launch: string, code: number): void {
    const task = this.tasks.get(launch);
    if (task?.state === 'running') Object.assign(task, { state: 'ended', code, at: this.#clock.nowMs() });
  }

  /** Power fails: every task is gone, the disk is not. */
  restart(): void {
    for (const launch of this.running) this.endTask(launch, 255);
  }

  /** What the last life left on disk. `clock`: that of the life, so that a dead one's writes are never acknowledged. */
  checkpoint(clock: Clock, newId: () => AgentId): Checkpoint {
    const state: AgentState =
      this.#saved === undefined ? newState((this.#id ??= newId())) : restoreState(JSON.parse(this.#saved));
    for (const line of this.#facts) evolve(state, JSON.parse(line) as AgentFact);
    return {
      state,
      append: async (facts) => {
        if (facts.length === 0) return;
        const lines = facts.map((fact) => JSON.stringify(fact));
        await this.#pause(clock, 3);
        this.#facts.push(...lines);
        if (this.#random.chance(0.02)) {
          this.#saved = JSON.stringify(saveState(state));
          this.#facts = [];
        }
        await this.#pause(clock, 3);
      },
      discard: async () => {
        this.#saved = undefined;
        this.#facts = [];
        this.#id = undefined;
      },
      close: async () => undefined,
    };
  }

  /** The runtime as one life of the agent sees it. */
  runtime(clock: Clock): Runtime {
    const watched = new Map<string, (end: Ended) => void>();
    let closed = false;
    const look = (): void => {
      if (closed) return;
      for (const [launch, onEnded] of [...watched]) {
        const seen = this.#observe(launch);
        if (seen.state !== 'ended') continue;
        watched.delete(launch);
        onEnded(seen);
      }
      clock.after(50, look);
    };
    clock.after(50, look);
    return {
      name: 'simulated',
      isolation: 'simulated',
      fetchImage: () => Promise.resolve(),
      start: async ({ launch }) => {
        // The shim is on its way, whether or not anybody waits for it.
        const begun = new Promise<void>((resolve) => {
          this.#clock.after(this.#random.below(30), () => resolve(this.#claim(launch, 'running')));
        });
        await begun;
        await this.#pause(clock, 5);
        return this.#observe(launch);
      },
      observe: async (launch) => {
        await this.#pause(clock, 2);
        return this.#observe(launch);
      },
      stop: async (launch, graceMs) => {
        await this.#pause(clock, 5);
        this.#claim(launch, 'never');
        const signal = this.#random.chance(0.5) ? 'SIGTERM' : 'SIGKILL';
        this.#clock.after(Math.min(graceMs, this.#random.below(200)), () => {
          const task = this.tasks.get(launch)!;
          if (task.state === 'running') Object.assign(task, { state: 'ended', signal, at: this.#clock.nowMs() });
        });
      },
      watch: (launch, onEnded) => void watched.set(launch, onEnded),
      usage: async () => new Map(),
      probe: async () => {
        await this.#pause(clock, 20);
        return { passed: this.#random.chance(0.9), message: 'simulated' };
      },
      exec: () => {
        throw new Error('no commands run on a simulated machine');
      },
      placeOf: (_, path) => path,
      launches: () => [...this.tasks.keys()],
      release: async (launch) => {
        if (this.tasks.get(launch)?.state !== 'running') this.tasks.delete(launch);
      },
      destroyVolumes: () => this.#pause(clock, 50),
      close: () => {
        closed = true;
      },
    };
  }

  /** Whoever is first decides for ever. */
  #claim(launch: string, state: 'never' | 'running'): void {
    if (this.tasks.has(launch)) return;
    const at = this.#clock.nowMs();
    this.tasks.set(launch, { state, pid: (this.#pids += 1), since: at, code: 0, signal: undefined, at });
    if (state === 'running') this.starts.set(launch, (this.starts.get(launch) ?? 0) + 1);
  }

  #observe(launch: string): Observation {
    const task = this.tasks.get(launch);
    if (task === undefined) return { state: 'absent' };
    const { state, pid, since, code, signal, at } = task;
    if (state === 'never') return { state: 'ended', how: 'never-begun', at };
    if (state === 'running') return { state: 'running', pid, since };
    return { state: 'ended', how: 'exited', at, pid, since, ...(signal === undefined ? { code } : { signal }) };
  }

  #pause(clock: Clock, msMax: number): Promise<void> {
    return new Promise((resolve) => void clock.after(this.#random.below(msMax + 1), resolve));
  }
}
