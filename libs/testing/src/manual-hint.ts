import type { OwnershipHint } from '@orrery/control-loop';

/** A hint that a test gives by hand. */
export class ManualHint implements OwnershipHint {
  #cells: ReadonlySet<number> = new Set();
  #onChange: ((cells: ReadonlySet<number>) => void) | undefined;

  async start(onChange: (cells: ReadonlySet<number>) => void): Promise<void> {
    this.#onChange = onChange;
    onChange(this.#cells);
  }

  async stop(): Promise<void> {
    this.#onChange = undefined;
  }

  /** From now on this instance should own exactly these cells. */
  name(...cells: readonly number[]): void {
    this.#cells = new Set(cells);
    this.#onChange?.(this.#cells);
  }
}
