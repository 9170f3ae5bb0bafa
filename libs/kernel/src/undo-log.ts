import { assert } from './assert.js';

/**
 * The opposites of every change since the last accepted commit. A void commit is rolled back with it; an accepted one
 * forgets it.
 */
export class UndoLog {
  readonly #opposites: (() => void)[] = [];

  /** A point to roll back to. */
  get mark(): number {
    return this.#opposites.length;
  }

  push(opposite: () => void): void {
    this.#opposites.push(opposite);
  }

  rollBackTo(mark: number): void {
    assert(mark <= this.#opposites.length, 'rolled back to the future', { mark });
    while (this.#opposites.length > mark) this.#opposites.pop()!();
  }

  forget(): void {
    this.#opposites.length = 0;
  }
}
