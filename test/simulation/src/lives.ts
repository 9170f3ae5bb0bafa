import type { SeededRandom } from '@orrery/testing';
import type { GuestActor } from './guest.js';
import type { OwnerSlot } from './owner-slot.js';
import { SimulatedProcess } from './simulated-process.js';
import type { World } from './world.js';

/** A process that is paused, killed and started again. */
export interface Living {
  readonly process: SimulatedProcess;
  start(): void;
}

/** An actor of the guest, from life to life. */
export class ActorSlot implements Living {
  process!: SimulatedProcess;
  readonly #world: World;
  readonly #actor: GuestActor;
  #lives = 0;

  constructor(world: World, actor: GuestActor) {
    this.#world = world;
    this.#actor = actor;
    this.start();
  }

  start(): void {
    this.#lives += 1;
    this.process = new SimulatedProcess(`${this.#actor.name}.${this.#lives}`, this.#world, {
      skewMs: 0,
      onAppend: () => undefined,
    });
    this.#actor.start(this.process);
  }

  mishap(random: SeededRandom): void {
    this.#actor.mishap(random);
  }
}

export function pauseOrResume({ process }: Living): void {
  if (process.paused) process.resume();
  else process.pause();
}

export function killOrStart(living: Living): void {
  if (living.process.dead) living.start();
  else living.process.kill();
}

/** Everybody runs. */
export function revive(all: readonly (OwnerSlot | ActorSlot)[]): void {
  for (const living of all) {
    living.process.resume();
    if (living.process.dead) living.start();
  }
}
