/** Where a reader waits while its queue is full: both counted and weighed, and never too small for one item. */
export class Room {
  readonly #countMax: number;
  readonly #bytesMax: number;
  #count = 0;
  #bytes = 0;
  #freed: (() => void) | undefined;

  constructor(countMax: number, bytesMax: number) {
    this.#countMax = countMax;
    this.#bytesMax = bytesMax;
  }

  get count(): number {
    return this.#count;
  }

  enter(bytes: number): void {
    this.#count += 1;
    this.#bytes += bytes;
  }

  leave(bytes: number): void {
    this.#count -= 1;
    this.#bytes -= bytes;
    if (!this.#full) this.open();
  }

  /** Nothing to wait for any more, whatever is queued. */
  open(): void {
    this.#freed?.();
    this.#freed = undefined;
  }

  /** Waits while the queue is full; one waiter, the reader. */
  free(): void | Promise<void> {
    if (this.#full) return new Promise((resolve) => (this.#freed = resolve));
  }

  get #full(): boolean {
    return this.#count >= this.#countMax || this.#bytes >= this.#bytesMax;
  }
}
