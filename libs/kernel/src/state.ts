import type { UndoLog } from './undo-log.js';

/**
 * One part of a state: a `Table`, or another structure that can be undone, walked for a snapshot and loaded from one.
 * A domain's state is an object of parts; their names are unique in it and the order of the names is the order of the
 * digest.
 */
export interface StatePart {
  readonly name: string;
  /** From now on each change pushes its opposite; `undefined` stops that (replay of accepted commits). */
  recordTo(undo: UndoLog | undefined): void;
  /** Begins a walk over the part as it is now. One walk at a time. */
  walk(): StateSlices;
  /** Adds the rows of one slice. Not recorded in the undo log. */
  load(slice: Uint8Array): void;
  clear(): void;
}

/** A walk under way: call `next` until it is done; the part may change between calls. */
export interface StateSlices {
  /** Encodes up to `rowsMax` rows; gives a slice of 256 to 512 KiB whenever one is full, the rest with `done`. */
  next(rowsMax: number): { slice?: Uint8Array; done: boolean };
  cancel(): void;
}

export type DomainState = Readonly<Record<string, StatePart>>;

/** The parts of a state in the order of their names: that of snapshots and digests. */
export function partsOf(state: DomainState): StatePart[] {
  return Object.values(state).sort((left, right) => (left.name < right.name ? -1 : 1));
}

/** The whole state as slices, in the canonical order, at once: for tests, audits and digests. */
export function* slicesOf(state: DomainState): IterableIterator<{ part: string; slice: Uint8Array }> {
  for (const part of partsOf(state)) {
    const walk = part.walk();
    for (let done = false; !done;) {
      const step = walk.next(1_000_000);
      done = step.done;
      if (step.slice !== undefined) yield { part: part.name, slice: step.slice };
    }
  }
}
