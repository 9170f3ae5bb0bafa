import { Agent } from '@orrery/agent/agent';
import { evolve, type AgentFact } from '@orrery/agent/agent-state/agent-fact';
import { newState } from '@orrery/agent/agent-state/agent-state';
import type { Checkpoint } from '@orrery/agent/checkpoint';
import type { AgentFacts, AgentId, TopicSizes } from '@orrery/contracts';
import type { Clock } from '@orrery/control-loop';
import type { Ended, Observation, Runtime } from '@orrery/runtimes';
import type { SeededRandom } from '@orrery/testing';
import type { GuestActor } from '../guest.js';
import type { SimulatedProcess } from '../simulated-process.js';

interface Task {
  observation: Observation;
  onEnded: ((end: Ended) => void) | undefined;
}

const DISK_MS_MAX = 5;
const START_MS_MAX = 200;
const STOP_MS_MAX = 200;

/**
 * A machine: its disk and its tasks go on when the agent on it is paused or killed. The agent is the real one; its
 * checkpoint and its runtime are in memory here, and as slow as the seed has it.
 */
export class SimulatedMachine implements GuestActor {
  readonly name: string;
  /** Every launch that began here, once for each time that it did. */
  readonly begun: string[] = [];
  readonly #sizes: TopicSizes;
  readonly #cpusMilli: number;
  readonly #world: { readonly clock: Clock; readonly random: SeededRandom };
  /** What the agent made safe, oldest first. */
  readonly #disk: string[] = [];
  readonly #tasks = new Map<string, Task>();
  /** Forgotten by the agent; what claimed the launch stays on the disk. */
  readonly #released = new Set<string>();
  #pids = 0;

  constructor(
    name: string,
    { sizes, cpusMilli }: { readonly sizes: TopicSizes; readonly cpusMilli: number },
    world: { readonly clock: Clock; readonly random: SeededRandom },
  ) {
    this.name = name;
    this.#sizes = sizes;
    this.#cpusMilli = cpusMilli;
    this.#world = world;
  }

  get running(): string[] {
    return [...this.#tasks].filter(([, { observation }]) => observation.state === 'running').map(([launch]) => launch);
  }

  /** A running task ends by itself. */
  mishap(random: SeededRandom): void {
    const { running } = this;
    if (running.length > 0) this.#end(random.pick(running), { code: 1 });
  }

  start(process: SimulatedProcess): void {
    void Agent.begin({
      sizes: this.#sizes,
      facts: this.#facts(),
      checkpoint: this.#checkpointFor(process),
      runtime: this.#runtimeFor(process),
      log: process.log,
      clock: process.clock,
      random: this.#world.random,
      say: () => undefined,
      onFailure: (error) => {
        throw error;
      },
      onRejoin: () => undefined,
    });
  }

  #checkpointFor(process: SimulatedProcess): Checkpoint {
    const state = newState(this.name as AgentId);
    for (const line of this.#disk) evolve(state, JSON.parse(line) as AgentFact);
    return {
      state,
      append: async (facts) => {
        const lines = facts.map((fact) => JSON.stringify(fact));
        await process.through(this.#later(DISK_MS_MAX, () => this.#disk.push(...lines)));
      },
      discard: () => Promise.resolve(),
      close: () => Promise.resolve(),
    };
  }

  #runtimeFor(process: SimulatedProcess): Runtime {
    return {
      name: 'simulated',
      isolation: 'simulated',
      fetchImage: () => Promise.resolve(),
      start: ({ launch }) =>
        process.through(
          this.#later(START_MS_MAX, () => {
            this.#begin(launch);
            return this.#observe(launch);
          }),
        ),
      observe: (launch) => Promise.resolve(this.#observe(launch)),
      stop: (launch) => process.through(this.#later(STOP_MS_MAX, () => this.#stop(launch))),
      watch: (launch, onEnded) => this.#watch(launch, process, onEnded),
      usage: () => Promise.resolve(new Map()),
      probe: () => Promise.resolve({ passed: true, message: 'simulated' }),
      launches: () => [...this.#tasks.keys()].filter((launch) => !this.#released.has(launch)),
      exec: () => {
        throw new Error('no commands run on a simulated machine');
      },
      placeOf: (_, path) => path,
      release: (launch) => Promise.resolve(void this.#released.add(launch)),
      destroyVolumes: () => Promise.resolve(),
      close: () => undefined,
    };
  }

  /** What was asked of the machine happens, whether or not somebody lives to hear of it. */
  #later<Value>(msMax: number, happen: () => Value): Promise<Value> {
    const { clock, random } = this.#world;
    return new Promise((resolve) => void clock.after(random.below(msMax), () => resolve(happen())));
  }

  /** Once for ever, as the shim's exclusive file has it. */
  #begin(launch: string): void {
    if (this.#tasks.has(launch)) return;
    this.begun.push(launch);
    const observation = { state: 'running', pid: (this.#pids += 1), since: this.#world.clock.nowMs() } as const;
    this.#tasks.set(launch, { observation, onEnded: undefined });
  }

  #observe(launch: string): Observation {
    return this.#tasks.get(launch)?.observation ?? { state: 'absent' };
  }

  #stop(launch: string): void {
    const task = this.#tasks.get(launch);
    if (task?.observation.state === 'running') return this.#end(launch, { signal: 'SIGTERM' });
    if (task !== undefined) return;
    const observation = { state: 'ended', how: 'never-begun', at: this.#world.clock.nowMs() } as const;
    this.#tasks.set(launch, { observation, onEnded: undefined });
  }

  #end(launch: string, how: { readonly code: number } | { readonly signal: string }): void {
    const task = this.#tasks.get(launch)!;
    const { pid, since } = task.observation as { pid: number; since: number };
    const ended: Ended = { state: 'ended', how: 'exited', at: this.#world.clock.nowMs(), pid, since, ...how };
    task.observation = ended;
    task.onEnded?.(ended);
  }

  #watch(launch: string, { clock }: SimulatedProcess, onEnded: (end: Ended) => void): void {
    const task = this.#tasks.get(launch);
    const tell = (end: Ended) => void clock.after(0, () => onEnded(end));
    if (task === undefined) return;
    if (task.observation.state === 'ended') tell(task.observation);
    else task.onEnded = tell;
  }

  #facts(): AgentFacts {
    return {
      hostname: this.name,
      address: '127.0.0.1',
      capacity: {
        cpusMilli: this.#cpusMilli,
        memoryMib: 4_096,
        diskMib: 10_000,
        gpuIds: [],
        ports: [[31_000, 31_099]],
      },
      attributes: {},
      faultDomain: { region: 'r', zone: this.name },
    };
  }
}
