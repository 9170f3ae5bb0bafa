import type { ProjectionPosition } from '@orrery/cassandra';
import { domainNames, journalTopic, type CommitRecord, type DomainName, type JournalPosition } from '@orrery/contracts';
import {
  followJournals,
  startOf,
  type FollowedRecord,
  type FollowedSource,
  type FollowerPorts,
  type JournalFollower,
  type LoopObserver,
  type Positions,
} from '@orrery/control-loop';
import { cluster } from '@orrery/domain';
import { CheckpointPace, checkpointOf } from './checkpoints.js';
import type { HistoryWriter } from './history-writer.js';
import { rowsOf } from './rows.js';
import { TaskStory, type ClosedWindow, type StoryCursor } from './task-story.js';

interface Source extends FollowedSource {
  readonly domain: DomainName;
  readonly cell: number;
}

export interface HistorianOptions {
  readonly cells: number;
  readonly writer: HistoryWriter;
  /** How far the rows that are written go. */
  readonly readPositions: () => Promise<readonly ProjectionPosition[]>;
  /** What was kept for a position of a cluster journal. */
  readonly readMemory: (journal: string, seq: number) => Promise<readonly Uint8Array[]>;
  readonly observe: LoopObserver;
  onTrouble(error: Error): void;
  onStopped(error: Error): void;
}

export interface HistorianStatus {
  readonly ready: boolean;
  readonly journals: readonly {
    readonly journal: string;
    readonly seq: number;
    readonly at: number;
    readonly lag: number;
  }[];
}

const RETRY_MS = 1_000;
const STOP_WITHIN_MS = 5_000;
/** An open window is written down once nothing was told for so long, or it was open for longer than commits keep one open. */
const QUIET_MS = 100;
const OPEN_MS = 2_000;

/**
 * Follows all journals from where its rows end, and has the rows of each commit written. Of the states of the domains it
 * keeps none but whose launches are whose.
 */
export class Historian {
  readonly #options: HistorianOptions;
  readonly #ports: FollowerPorts;
  readonly #sources: readonly Source[];
  readonly #stories: readonly TaskStory[];
  /** How far each journal is written down: where a story goes on lies before that. */
  readonly #written = new Map<string, number>();
  readonly #witness = new CheckpointPace();
  #follower: JournalFollower<Source> | undefined;
  #cancelLook: (() => void) | undefined;
  #toldMs = 0;
  #lookedMs = 0;
  #ready = false;
  #stopped = false;

  constructor(options: HistorianOptions, ports: FollowerPorts) {
    this.#options = options;
    this.#ports = ports;
    const cells = Array.from({ length: options.cells }, (_, cell) => cell);
    this.#sources = cells.flatMap((cell) => domainNames.map((domain) => ({ domain, cell })));
    this.#stories = cells.map((cell) => new TaskStory(cell));
  }

  /** Resolves once every journal is being followed; waits for Cassandra as long as it takes. */
  async start(): Promise<void> {
    const positions = await this.#positions();
    if (this.#stopped) return;
    this.#follower = followJournals(
      {
        sources: this.#sources,
        start: { from: 'positions', positions },
        onCommit: (followed) => this.#onCommit(followed),
        onVoid: (shard, reason, offset) => this.#options.observe({ kind: 'void-record', shard, reason, offset }),
        onTrouble: (_, error) => this.#options.onTrouble(error),
        onStopped: (error) => this.#options.onStopped(error),
      },
      this.#ports,
    );
    await this.#follower.start();
    // Ready once what was there at the start is handed over: nobody waits for that.
    this.#follower.caughtUp().then(
      () => (this.#ready = !this.#stopped),
      (error: unknown) => this.#options.onTrouble(error as Error),
    );
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#ready = false;
    this.#cancelLook?.();
    await this.#follower?.stop();
    for (const [cell, story] of this.#stories.entries()) void this.#told(cell, story.soFar());
    await this.#options.writer.stop(STOP_WITHIN_MS);
  }

  async status(): Promise<HistorianStatus> {
    const positions = this.#follower?.positions() ?? {};
    const journals = await Promise.all(
      Object.entries(positions).map(async ([journal, { seq, at, next }]) => {
        const [domain, cell] = journal.split('/') as [DomainName, string];
        const { high } = await this.#ports.log.bounds({ topic: journalTopic(domain), partition: Number(cell) });
        return { journal, seq, at, lag: Math.max(0, high - next) };
      }),
    );
    return { ready: this.#ready, journals };
  }

  get ready(): boolean {
    return this.#ready;
  }

  async #onCommit({ source, record, position }: FollowedRecord<Source>): Promise<void> {
    const { writer } = this.#options;
    if (this.#witness.isDue(position)) writer.witness(checkpointOf(source, position));
    if (record.kind === 'Commit') rowsOf(source, record, writer.rows);
    if (source.domain !== 'cluster') return this.#reached(source, position, position);
    if (record.kind === 'TermStarted' && record.foldVersion > cluster.foldVersion) {
      throw new Error(
        `cluster/${source.cell} goes on in fold version ${record.foldVersion}: this historian is too old`,
      );
    }
    if (record.kind === 'Commit') await this.#tell(source.cell, record, position);
  }

  async #tell(cell: number, commit: CommitRecord, position: JournalPosition): Promise<void> {
    const story = this.#stories[cell]!;
    await this.#told(cell, story.closeBefore(commit));
    const memory = story.memoryDue();
    if (memory !== undefined) {
      const slices: Uint8Array[] = [];
      for (const slice of memory) {
        slices.push(slice);
        await this.#breathe();
      }
      this.#options.writer.remember(story.kept(slices));
    }
    story.fold(commit, position);
    this.#toldMs = this.#ports.clock.nowMs();
    this.#lookSoon();
  }

  #told(cell: number, closed: ClosedWindow | undefined): Promise<void> {
    if (closed === undefined) return Promise.resolve();
    for (const row of closed.rows) this.#options.writer.rows.taskSets.push(row);
    return this.#reached({ domain: 'cluster', cell }, closed.position, this.#stories[cell]!.cursor);
  }

  /** Rows reach up to `position`; whoever takes over goes on at `cursor`. */
  #reached(
    { domain, cell }: Source,
    { journalId, seq }: JournalPosition,
    cursor: StoryCursor | undefined,
  ): Promise<void> {
    const journal = `${domain}/${cell}`;
    const written = Math.max(seq, this.#written.get(journal) ?? 0);
    this.#written.set(journal, written);
    const goOn = cursor ?? startOf(journalId);
    return this.#options.writer.reached({ journal, seq: written, cursor: JSON.stringify(goOn) });
  }

  #lookSoon(): void {
    if (this.#cancelLook !== undefined) return;
    this.#lookedMs = this.#ports.clock.nowMs();
    this.#lookAgain();
  }

  #lookAgain(): void {
    this.#cancelLook = this.#ports.clock.after(QUIET_MS, () => {
      const nowMs = this.#ports.clock.nowMs();
      const isDue = nowMs - this.#toldMs >= QUIET_MS || nowMs - this.#lookedMs >= OPEN_MS;
      if (!isDue || !this.#options.writer.idle) return this.#lookAgain();
      this.#cancelLook = undefined;
      for (const [cell, story] of this.#stories.entries()) {
        this.#told(cell, story.soFar()).catch((error: unknown) => this.#options.onTrouble(error as Error));
      }
    });
  }

  #breathe(): Promise<void> {
    return new Promise((done) => this.#ports.clock.after(0, done));
  }

  async #positions(): Promise<Positions> {
    while (!this.#stopped) {
      try {
        return await this.#readPositions();
      } catch (error) {
        this.#options.onTrouble(error as Error);
        await new Promise<void>((done) => this.#ports.clock.after(RETRY_MS, done));
      }
    }
    return {};
  }

  /** A story whose memory is not whole begins anew: it writes the same rows again. */
  async #readPositions(): Promise<Positions> {
    const { readPositions, readMemory } = this.#options;
    const positions: Record<string, JournalPosition> = {};
    for (const { journal, seq, cursor } of await readPositions()) {
      const position = JSON.parse(cursor) as StoryCursor;
      this.#written.set(journal, seq);
      const [domain, cell] = journal.split('/');
      const story = domain === 'cluster' ? this.#stories[Number(cell)] : undefined;
      if (story === undefined || story.resume(position, await readMemory(journal, position.seq))) {
        positions[journal] = position;
      }
    }
    return positions;
  }
}
