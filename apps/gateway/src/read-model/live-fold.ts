import { journalTopic } from '@orrery/contracts';
import type { FollowerPorts, JournalAddress, VoidReason } from '@orrery/control-loop';
import type { StreamedCommit } from '../events/streamed-commit.js';
import { covers, encodePosition, journalName, type Position } from '../position.js';
import { Problem } from '../problem.js';
import { answer } from './answer.js';
import { FollowedJournals } from './followed-journals.js';
import type { Moment, Query } from './query.js';
import type { Answered, ReadModelStatus } from './read-model.js';
import { positionOf, worldOf, type World } from './world.js';

export interface LiveFoldOptions {
  readonly cells: number;
  /** Right behind the snapshots that the fold began with: told once, before any commit. */
  onStart(position: Position): void;
  onCommit(commit: StreamedCommit): void;
  onVoid(journal: JournalAddress, reason: VoidReason, offset: number): void;
  onStopped(error: Error): void;
}

const REACHED_WITHIN_MS = 5_000;
const TROUBLE_SHOWN_MS = 10_000;
const LAG_EVERY_MS = 2_000;

/** The state as it is now: all journals folded as they grow. Answers questions about it. */
export class LiveFold {
  readonly #journals: FollowedJournals;
  readonly #ports: FollowerPorts;
  readonly #options: LiveFoldOptions;
  readonly #waiting = new Set<{ readonly wanted: Position; readonly reached: () => void }>();
  /** Handed over before the start was told. */
  #early: StreamedCommit[] | undefined = [];
  #watched = false;
  #ready = false;
  #stopped: Error | undefined;
  #trouble: { readonly message: string; readonly atMs: number } | undefined;
  #highs = new Map<string, number>();
  #cancelLag: (() => void) | undefined;

  constructor(options: LiveFoldOptions, ports: FollowerPorts) {
    this.#options = options;
    this.#ports = ports;
    this.#journals = new FollowedJournals(
      {
        cells: options.cells,
        start: { from: 'snapshot' },
        watched: () => this.#watched,
        onCommit: (commit) => this.#onCommit(commit),
        onVoid: (journal, reason, offset) => options.onVoid(journal, reason, offset),
        onTrouble: (journal, error) =>
          (this.#trouble = { message: `${journal}: ${error.message}`, atMs: ports.clock.nowMs() }),
        onStopped: (error) => {
          this.#stopped = error;
          options.onStopped(error);
        },
      },
      ports,
    );
  }

  /** Resolves once the journals are folded up to the end that their logs had. */
  async start(): Promise<void> {
    await this.#journals.start();
    this.#tellStart();
    this.#watchLag();
    await this.#journals.caughtUp();
    this.#ready = true;
  }

  async stop(): Promise<void> {
    this.#ready = false;
    this.#cancelLag?.();
    await this.#journals.stop();
  }

  get position(): Position {
    return positionOf(this.#journals.folded());
  }

  world(): World {
    return worldOf(this.#journals.folded());
  }

  async ask(query: Query, minPosition?: Position): Promise<Answered> {
    if (this.#stopped !== undefined)
      throw Problem.of('not-ready', `the read model has stopped: ${this.#stopped.message}`);
    if (!this.#ready) throw Problem.of('not-ready', 'the journals are still being folded', { remedy: 'try again' });
    if (minPosition !== undefined) await this.#reached(minPosition);
    return answered(this.world(), query);
  }

  /** From now on commits are handed over with their events, or without. */
  watch(on: boolean): void {
    this.#watched = on;
  }

  /** Whether nothing has happened since that moment, so that the state of now is the one of then. */
  async isAsAt(moment: Moment): Promise<boolean> {
    if (moment.kind !== 'time') return false;
    await this.#journals.caughtUp();
    return this.#ready && this.world().atMs <= moment.atMs;
  }

  status(): ReadModelStatus {
    const recent = this.#trouble !== undefined && this.#ports.clock.nowMs() - this.#trouble.atMs < TROUBLE_SHOWN_MS;
    const problems = [
      ...(this.#stopped === undefined ? [] : [this.#stopped.message]),
      ...(recent ? [this.#trouble!.message] : []),
    ];
    const ready = this.#ready && this.#stopped === undefined;
    if (this.#early !== undefined) return { ready, journals: [], problems };
    const next = this.#journals.nextOffsets();
    const journals = this.#journals.folded().map(({ domain, cell, seq, atMs }) => {
      const journal = journalName(domain, cell);
      const offset = [...next].find(([known]) => known.domain === domain && known.cell === cell)![1];
      return { journal, seq, at: atMs, lag: Math.max(0, (this.#highs.get(journal) ?? 0) - offset) };
    });
    return { ready, journals, problems };
  }

  #onCommit(commit: StreamedCommit): void {
    if (this.#early !== undefined) this.#early.push(commit);
    else this.#options.onCommit(commit);
    if (this.#waiting.size === 0) return;
    // The follower counts a record as handed over only after this call.
    this.#ports.clock.after(0, () => this.#wake());
  }

  #wake(): void {
    const { position } = this;
    for (const waiting of this.#waiting) {
      if (!covers(position, waiting.wanted)) continue;
      this.#waiting.delete(waiting);
      waiting.reached();
    }
  }

  async #reached(wanted: Position): Promise<void> {
    if (covers(this.position, wanted)) return;
    const inTime = await new Promise<boolean>((done) => {
      const waiting = { wanted, reached: () => (cancel(), done(true)) };
      const cancel = this.#ports.clock.after(REACHED_WITHIN_MS, () => (this.#waiting.delete(waiting), done(false)));
      this.#waiting.add(waiting);
    });
    if (inTime) return;
    throw Problem.of(
      'position-not-reached',
      `this gateway has not folded so far within ${REACHED_WITHIN_MS / 1000} s`,
      {
        field: 'Orrery-Min-Position',
        remedy: 'try again; /readyz?verbose shows how far it is',
      },
    );
  }

  /** A journal whose first commit came already began right before it; the others stand where they began. */
  #tellStart(): void {
    const early = this.#early!;
    this.#early = undefined;
    const { journals, commands } = this.position;
    const began = new Map(journals);
    for (const { journal, seq } of [...early].reverse()) began.set(journal, seq - 1);
    this.#options.onStart({ journals: began, commands });
    for (const commit of early) this.#options.onCommit(commit);
  }

  #watchLag(): void {
    const look = async (): Promise<void> => {
      for (const { domain, cell } of this.#journals.journals) {
        const { high } = await this.#ports.log.bounds({ topic: journalTopic(domain), partition: cell });
        this.#highs.set(journalName(domain, cell), high);
      }
    };
    const again = (): void => {
      this.#cancelLag = this.#ports.clock.after(LAG_EVERY_MS, () => {
        look()
          .catch((error: unknown) => (this.#trouble = { message: String(error), atMs: this.#ports.clock.nowMs() }))
          .finally(again);
      });
    };
    again();
  }
}

export function answered(world: World, query: Query): Answered {
  const { value, etag } = answer(world, query);
  const body = Buffer.from(JSON.stringify(value));
  return { body, position: encodePosition(world.position), ...(etag === undefined ? {} : { etag }) };
}
