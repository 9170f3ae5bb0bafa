import type { ProjectorMemory, TaskSetRow } from '@orrery/cassandra';
import type { ClusterEvent, CommitRecord, JournalPosition } from '@orrery/contracts';
import { LaunchBook } from './launch-book.js';
import { TaskWindow } from './task-window.js';
import { tellAndFold } from './told.js';

/** Other numbers mean that what was kept is of no use any more. */
const MEMORY_VERSION = 1;
const KEPT_EVERY_COMMITS = 5_000;
const KEPT_EVERY_MS = 60_000;

/** Where to go on in a cluster journal, and what has to be remembered for it. */
export interface StoryCursor extends JournalPosition {
  readonly memory?: { readonly version: number; readonly slices: number };
}

/** What has come to its end with a window. */
export interface ClosedWindow {
  readonly rows: readonly TaskSetRow[];
  /** Right after its last commit. */
  readonly position: JournalPosition;
}

/**
 * The story of all tasks of a cell: the cluster journal, folded window by window. It goes on where its memory was kept last,
 * which is a border of windows; all rows since then are made again, and are the same.
 */
export class TaskStory {
  readonly #cell: number;
  #book = new LaunchBook();
  #window: TaskWindow | undefined;
  /** Right after the last commit folded. */
  #position: JournalPosition | undefined;
  #kept: StoryCursor | undefined;

  constructor(cell: number) {
    this.#cell = cell;
  }

  /** Goes on at a cursor; false when what was kept for it is not whole, so that the story begins anew. */
  resume(cursor: StoryCursor, slices: readonly Uint8Array[]): boolean {
    const { memory } = cursor;
    if (memory?.version !== MEMORY_VERSION || memory.slices !== slices.length) return false;
    this.#book = LaunchBook.of(slices);
    this.#kept = cursor;
    this.#position = cursor;
    return true;
  }

  /** Where whoever takes over goes on; nothing: at the begin of the journal. */
  get cursor(): StoryCursor | undefined {
    return this.#kept;
  }

  /** Ends the window that the commit, which is the next one, is no part of. */
  closeBefore(commit: CommitRecord): ClosedWindow | undefined {
    if (this.#window === undefined || this.#window.takes(commit)) return undefined;
    const rows = this.#window.rows({ isOver: true });
    this.#window = undefined;
    return { rows, position: this.#position! };
  }

  /** Between two windows: what to keep in order to go on from here, when it is time for that. */
  memoryDue(): Generator<Uint8Array> | undefined {
    const [now, kept] = [this.#position, this.#kept];
    if (this.#window !== undefined || now === undefined) return undefined;
    const isDue = now.seq - (kept?.seq ?? 0) >= KEPT_EVERY_COMMITS || now.at - (kept?.at ?? 0) >= KEPT_EVERY_MS;
    return isDue ? this.#book.slices() : undefined;
  }

  kept(slices: readonly Uint8Array[]): ProjectorMemory {
    const position = this.#position!;
    this.#kept = { ...position, memory: { version: MEMORY_VERSION, slices: slices.length } };
    return { journal: `cluster/${this.#cell}`, seq: position.seq, slices };
  }

  fold(commit: CommitRecord, position: JournalPosition): void {
    const window = (this.#window ??= new TaskWindow(this.#cell, commit));
    for (const [at, event] of commit.events.entries()) {
      window.begin(commit, at);
      tellAndFold(this.#book, event as unknown as ClusterEvent, (told, piece) => window.tell(told, piece));
    }
    this.#position = position;
  }

  /** What the open window has had so far. */
  soFar(): ClosedWindow | undefined {
    if (this.#window === undefined) return undefined;
    return { rows: this.#window.rows({ isOver: false }), position: this.#position! };
  }
}
