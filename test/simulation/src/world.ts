import {
  InMemoryLog,
  InMemoryRegistry,
  InMemorySnapshots,
  ManualClock,
  noFaults,
  type SeededRandom,
} from '@orrery/testing';
import type { DomainName } from '@orrery/contracts';
import type { LoopSignal } from '@orrery/control-loop';
import { Claims } from './claims.js';
import type { Guest, GuestRun } from './guest.js';
import type { Mutant } from './mutants.js';

/** Told every signal of every process, for whoever looks into a seed. */
export type Trace = (process: string, nowMs: number, signal: LoopSignal) => void;

export interface StormOptions {
  readonly seed: number;
  readonly steps: number;
  readonly guest: Guest;
  readonly mutant?: Mutant;
  readonly trace?: Trace;
}

/** What all processes of one run share, and what was found wrong in it. */
export class World {
  readonly clock = new ManualClock();
  readonly log: InMemoryLog;
  readonly snapshots = new InMemorySnapshots();
  readonly registry = new InMemoryRegistry();
  readonly claims = new Claims();
  readonly violations = new Set<string>();
  #run: GuestRun | undefined;

  constructor(
    readonly options: StormOptions,
    readonly random: SeededRandom,
  ) {
    const durability = options.mutant?.belowHighWatermark === false ? 'leader' : 'replicated';
    this.log = new InMemoryLog(this.clock, { random: random.fork('log'), faults: { ...noFaults }, durability });
  }

  /** The guest's own part of the run. */
  get run(): GuestRun {
    this.#run ??= this.options.guest.begin({ clock: this.clock, random: this.random.fork('guest') });
    return this.#run;
  }

  get cells(): number[] {
    return Array.from({ length: this.options.guest.cells }, (_, cell) => cell);
  }

  get shards(): { readonly domain: DomainName; readonly cell: number }[] {
    return this.options.guest.domains.flatMap(({ domain }) => this.cells.map((cell) => ({ domain, cell })));
  }

  note(violations: readonly string[]): void {
    for (const violation of violations) this.violations.add(violation);
  }
}
