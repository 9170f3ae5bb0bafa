import type { ProjectionPosition } from '@orrery/cassandra';
import { domainNames, journalTopic, type ClusterEvent, type DomainName, type JournalPosition } from '@orrery/contracts';
import {
  followJournals,
  type FollowedSource,
  type FollowerPorts,
  type Folding,
  type JournalFollower,
  type LoopObserver,
  type Positions,
} from '@orrery/control-loop';
import { allocation, cluster, services, type ClusterState } from '@orrery/domain';
import { CheckpointPace, checkpointOf } from './checkpoints.js';
import type { HistoryWriter } from './history-writer.js';
import { rowsOf } from './rows.js';
import { statesTold, type ToldState } from './told.js';

interface Source extends FollowedSource {
  readonly domain: DomainName;
  readonly cell: number;
  readonly folding: Folding<object, never>;
}

export interface HistorianOptions {
  readonly cells: number;
  readonly writer: HistoryWriter;
  /** How far the rows that are written go. */
  readonly readPositions: () => Promise<readonly ProjectionPosition[]>;
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

const deciders = { cluster, allocation, services };
const RETRY_MS = 1_000;
const STOP_WITHIN_MS = 5_000;

/** Follows all journals in causal order from where its rows end, and has the rows of each commit written. */
export class Historian {
  readonly #options: HistorianOptions;
  readonly #ports: FollowerPorts;
  readonly #sources: readonly Source[];
  /** What cluster events tell of single tasks, looked up right before they are folded. */
  readonly #told = new WeakMap<object, readonly ToldState[]>();
  readonly #witness = new CheckpointPace();
  #follower: JournalFollower<Source> | undefined;
  #ready = false;
  #stopped = false;

  constructor(options: HistorianOptions, ports: FollowerPorts) {
    this.#options = options;
    this.#ports = ports;
    const cells = Array.from({ length: options.cells }, (_, cell) => cell);
    this.#sources = cells.flatMap((cell) => domainNames.map((domain) => this.#source(domain, cell)));
  }

  /** Resolves once every journal is being followed; waits for Cassandra as long as it takes. */
  async start(): Promise<void> {
    const positions = await this.#positions();
    if (this.#stopped) return;
    this.#follower = followJournals(
      {
        sources: this.#sources,
        start: { from: 'positions', positions },
        onCommit: ({ source, record, position }) => {
          const { rows } = this.#options.writer;
          if (record.kind === 'Commit') rowsOf(source, record, (event) => this.#told.get(event) ?? [], rows);
          if (this.#witness.isDue(position)) this.#options.writer.witness(checkpointOf(source, position));
          return this.#options.writer.reached(`${source.domain}/${source.cell}`, position);
        },
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
    await this.#follower?.stop();
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

  #source(domain: DomainName, cell: number): Source {
    const folding = deciders[domain] as unknown as Folding<object, never>;
    if (domain !== 'cluster') return { domain, cell, folding };
    const evolve = (state: object, event: never): void => {
      this.#told.set(event, statesTold(state as ClusterState, event as ClusterEvent));
      folding.evolve(state, event);
    };
    return { domain, cell, folding: { ...folding, evolve } };
  }

  async #positions(): Promise<Positions> {
    while (!this.#stopped) {
      try {
        const written = await this.#options.readPositions();
        return Object.fromEntries(
          written.map(({ journal, cursor }) => [journal, JSON.parse(cursor) as JournalPosition]),
        );
      } catch (error) {
        this.#options.onTrouble(error as Error);
        await new Promise<void>((done) => this.#ports.clock.after(RETRY_MS, done));
      }
    }
    return {};
  }
}
