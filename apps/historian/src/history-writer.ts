import type { CassandraHistory, ProjectionPosition, ProjectorMemory } from '@orrery/cassandra';
import type { Checkpoint } from '@orrery/contracts';
import type { Clock } from '@orrery/control-loop';
import { countOf, noRows, type HistoryRows } from './rows.js';

export interface HistoryStore extends Pick<
  CassandraHistory,
  | 'saveTaskSets'
  | 'saveAgentNumbers'
  | 'saveOutcomes'
  | 'saveServiceVersions'
  | 'saveAgentHistory'
  | 'saveAudit'
  | 'saveMemory'
  | 'savePosition'
  | 'forgetMemoryBefore'
> {
  /** Into the log, not into Cassandra: they witness the journals. */
  saveCheckpoints(checkpoints: readonly Checkpoint[]): Promise<void>;
}

export interface HistoryWriterOptions {
  readonly store: HistoryStore;
  readonly clock: Clock;
  onWritten(written: { readonly rows: HistoryRows; readonly ms: number }): void;
  onTrouble(error: Error, attempt: number): void;
}

export const PROJECTOR = 'historian';

const ROWS_MAX = 5_000;
const FLUSH_AFTER_MS = 100;
const BACK_OFF_MS_MIN = 200;
const BACK_OFF_MS_MAX = 5_000;

interface Batch {
  readonly rows: HistoryRows;
  /** `services/0` → where the journal stands once these rows are written. */
  readonly positions: Map<string, ProjectionPosition>;
  readonly memories: ProjectorMemory[];
  readonly checkpoints: Checkpoint[];
}

/**
 * Writes rows, then how far they go: a crash in between writes the same rows again. One batch is being written while the next
 * one fills; when that is full, the reader waits. What can't be written is tried again for ever: nothing is skipped.
 */
export class HistoryWriter {
  readonly #options: HistoryWriterOptions;
  #filling: Batch = emptyBatch();
  #writing: Promise<void> | undefined;
  #cancelTimer: (() => void) | undefined;
  #stopped = false;

  constructor(options: HistoryWriterOptions) {
    this.#options = options;
  }

  /** Where rows of the commit at hand are put. */
  get rows(): HistoryRows {
    return this.#filling.rows;
  }

  /** Goes out with the rows of its commit. */
  witness(checkpoint: Checkpoint): void {
    this.#filling.checkpoints.push(checkpoint);
  }

  /** Goes out before the positions that need it. */
  remember(memory: ProjectorMemory): void {
    this.#filling.memories.push(memory);
  }

  /** Whether nothing is being written at the moment. */
  get idle(): boolean {
    return this.#writing === undefined;
  }

  /** The rows so far reach up to this position. Resolves when there is room for more. */
  async reached(position: ProjectionPosition): Promise<void> {
    this.#filling.positions.set(position.journal, position);
    if (countOf(this.#filling.rows) < ROWS_MAX) return this.#flushSoon();
    await this.#writing;
    this.#flush();
  }

  /** Resolves once all that was given is written, or writing was given up because it takes too long to stop. */
  async stop(withinMs: number): Promise<void> {
    const inTime = new Promise<void>((done) => this.#options.clock.after(withinMs, done));
    const written = async (): Promise<void> => {
      await this.#writing;
      this.#flush();
      await this.#writing;
    };
    await Promise.race([written(), inTime]);
    this.#stopped = true;
    this.#cancelTimer?.();
  }

  #flushSoon(): void {
    if (this.#cancelTimer !== undefined || this.#writing !== undefined) return;
    this.#cancelTimer = this.#options.clock.after(FLUSH_AFTER_MS, () => this.#flush());
  }

  #flush(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
    if (this.#writing !== undefined || this.#filling.positions.size === 0) return;
    const batch = this.#filling;
    this.#filling = emptyBatch();
    this.#writing = this.#write(batch).finally(() => {
      this.#writing = undefined;
      if (this.#filling.positions.size > 0) this.#flushSoon();
    });
  }

  async #write(batch: Batch): Promise<void> {
    const { clock, onTrouble, onWritten } = this.#options;
    for (let attempt = 1, pauseMs = BACK_OFF_MS_MIN; !this.#stopped; attempt += 1) {
      const beganMs = clock.nowMs();
      try {
        await this.#tryToWrite(batch);
        return onWritten({ rows: batch.rows, ms: clock.nowMs() - beganMs });
      } catch (error) {
        onTrouble(error as Error, attempt);
        await new Promise<void>((done) => clock.after(pauseMs, done));
        pauseMs = Math.min(pauseMs * 2, BACK_OFF_MS_MAX);
      }
    }
  }

  async #tryToWrite({ rows, positions, memories, checkpoints }: Batch): Promise<void> {
    const { store } = this.#options;
    await Promise.all([
      store.saveTaskSets(rows.taskSets),
      store.saveAgentNumbers(rows.numbers),
      store.saveOutcomes(rows.outcomes),
      store.saveServiceVersions(rows.versions),
      store.saveAgentHistory(rows.agents),
      store.saveAudit(rows.audit),
      store.saveCheckpoints(checkpoints),
      ...memories.map((memory) => store.saveMemory(PROJECTOR, memory)),
    ]);
    await Promise.all([...positions.values()].map((position) => store.savePosition(PROJECTOR, position)));
    await Promise.all(memories.map(({ journal, seq }) => store.forgetMemoryBefore(PROJECTOR, journal, seq)));
  }
}

function emptyBatch(): Batch {
  return { rows: noRows(), positions: new Map(), memories: [], checkpoints: [] };
}
