import type { Choice } from '@orrery/domain';
import { Worker } from 'node:worker_threads';
import type { StreamedCommit } from '../events/streamed-commit.js';
import { beginning, type Position } from '../position.js';
import { Problem } from '../problem.js';
import type { GatewaySettings } from '../settings.js';
import {
  ReadModel,
  type Answered,
  type Asked,
  type AuditLine,
  type PlacedGrant,
  type ReadModelStatus,
  type VoidRecord,
} from './read-model.js';
import { LinkClient } from './worker-link.js';
import type { WorkerTask } from './worker.js';

/** Clocks of clients differ from this one, and `now` is no future. */
const AHEAD_MS_MAX = 5_000;

export interface ThreadedReadModelOptions {
  /** The position before the first commit that is handed over. */
  onStart(position: Position): void;
  onCommit(commit: StreamedCommit): void;
  onVoid(found: VoidRecord): void;
  /** The fold can't go on: damage, or the thread is gone. */
  onStopped(reason: string): void;
}

/** Folds in threads of their own: one for now, one for the past once somebody asks for it. */
export class ThreadedReadModel extends ReadModel {
  readonly #settings: GatewaySettings;
  readonly #options: ThreadedReadModelOptions;
  readonly #workers: Worker[] = [];
  readonly #now: LinkClient;
  #past: LinkClient | undefined;
  #status: ReadModelStatus = { ready: false, journals: [], problems: [] };
  #closing = false;

  constructor(settings: GatewaySettings, options: ThreadedReadModelOptions) {
    super();
    this.#settings = settings;
    this.#options = options;
    this.#now = this.#open('now', (topic, value) => this.#onPush(topic, value));
  }

  async ask(asked: Asked): Promise<Answered> {
    const { query, moment, minPosition } = asked;
    if (moment?.kind === 'time' && moment.atMs > Date.now() + AHEAD_MS_MAX) {
      throw Problem.of('not-in-the-past', 'that moment has not come yet', {
        field: 'at',
        remedy: 'ask for an earlier one',
      });
    }
    if (moment === undefined || (await this.#now.call<boolean>('isAsAt', moment))) {
      return this.#now.call<Answered>('ask', { query, minPosition });
    }
    return this.#ofThePast().call<Answered>('ask', asked);
  }

  watch(on: boolean): Promise<void> {
    return this.#now.call<void>('watch', on);
  }

  catchUp(from: Position, signal: AbortSignal): AsyncIterable<readonly StreamedCommit[]> {
    return this.#ofThePast().stream('catchUp', from, signal);
  }

  async positionBefore(atMs: number): Promise<Position> {
    try {
      return await this.#ofThePast().call<Position>('positionBefore', atMs);
    } catch (error) {
      if (error instanceof Problem && error.code === 'before-the-beginning') return beginning;
      throw error;
    }
  }

  verify(signal: AbortSignal): AsyncIterable<AuditLine> {
    return this.#ofThePast().stream('verify', null, signal);
  }

  choiceOf(placed: PlacedGrant): Promise<Choice | null> {
    return this.#ofThePast().call<Choice | null>('choiceOf', placed);
  }

  status(): ReadModelStatus {
    return this.#status;
  }

  async close(): Promise<void> {
    this.#closing = true;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  #ofThePast(): LinkClient {
    return (this.#past ??= this.#open('past', () => undefined));
  }

  #open(role: WorkerTask['role'], onPush: (topic: string, value: unknown) => void): LinkClient {
    const task: WorkerTask = { role, process: this.#settings.process };
    const worker = new Worker(new URL('./worker.js', import.meta.url), { workerData: task });
    const client = new LinkClient(worker, onPush);
    this.#workers.push(worker);
    const gone = (reason: string): void => {
      if (this.#closing) return;
      client.break(Problem.of('not-ready', `the thread of the read model is gone: ${reason}`));
      if (role === 'now') this.#onStopped(reason);
      else this.#past = undefined;
    };
    worker.on('error', (error) => gone(String(error)));
    worker.on('exit', (code) => gone(`exit code ${code}`));
    return client;
  }

  #onPush(topic: string, value: unknown): void {
    switch (topic) {
      case 'started':
        return this.#options.onStart(value as Position);
      case 'commits':
        for (const commit of value as readonly StreamedCommit[]) this.#options.onCommit(commit);
        return;
      case 'status':
        this.#status = value as ReadModelStatus;
        return;
      case 'void':
        return this.#options.onVoid(value as VoidRecord);
      case 'stopped':
        return this.#onStopped(String(value));
    }
  }

  #onStopped(reason: string): void {
    this.#status = { ...this.#status, ready: false, problems: [reason] };
    this.#options.onStopped(reason);
  }
}
