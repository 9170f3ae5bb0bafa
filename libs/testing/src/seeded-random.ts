import { createHash } from 'node:crypto';
import type { Random } from '@orrery/control-loop';

/** Chance from a seed: equal seeds draw equal numbers (mulberry32, Tommy Ettinger). */
export class SeededRandom implements Random {
  readonly seed: number;
  #state: number;
  #ids = 0;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = seed >>> 0;
  }

  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  id(): string {
    this.#ids += 1;
    return createHash('sha256').update(`${this.seed}/${this.#ids}/${this.fraction()}`).digest('hex').slice(0, 32);
  }

  /** An integer from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.fraction() * below);
  }

  chance(probability: number): boolean {
    return this.fraction() < probability;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }

  /** Another stream of chance that does not disturb this one. */
  fork(name: string): SeededRandom {
    return new SeededRandom(createHash('sha256').update(`${this.seed}/${name}`).digest().readUInt32BE(0));
  }
}
