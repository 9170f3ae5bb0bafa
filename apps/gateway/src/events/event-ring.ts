import { beginning, covers, type Position } from '../position.js';
import { EventCursor } from './event-cursor.js';
import type { StreamedCommit } from './streamed-commit.js';

const RING_BYTES_MAX = 32 * 1024 * 1024;
const COMMIT_BYTES = 200;

/** The newest commits, bounded by bytes: the one tail that feeds every live stream. */
export class EventRing {
  readonly #bytesMax: number;
  /** The first `#dropped` of them are no longer held: they leave in bulk, since moving the rest each time would cost more. */
  #commits: (StreamedCommit | undefined)[] = [];
  #dropped = 0;
  /** Number of the first commit held; commits are numbered as they come. */
  #first = 0;
  #bytes = 0;
  /** Right before the first commit held. */
  #oldest: EventCursor;
  #newest: EventCursor;
  readonly #waiting = new Set<() => void>();

  constructor(from: Position = beginning, bytesMax = RING_BYTES_MAX) {
    this.#oldest = new EventCursor(from);
    this.#newest = new EventCursor(from);
    this.#bytesMax = bytesMax;
  }

  /** Says where the first commit to come begins. */
  begin(from: Position): void {
    this.#oldest = new EventCursor(from);
    this.#newest = new EventCursor(from);
  }

  get first(): number {
    return this.#first;
  }

  /** Number that the next commit will get. */
  get end(): number {
    return this.#first + this.#commits.length - this.#dropped;
  }

  get position(): Position {
    return this.#newest.position;
  }

  /** Whether everything after this position is still here. */
  holds(position: Position): boolean {
    return covers({ ...position, commands: new Map() }, { ...this.#oldest.position, commands: new Map() });
  }

  at(number: number): StreamedCommit {
    return this.#commits[number - this.#first + this.#dropped]!;
  }

  append(commit: StreamedCommit): void {
    this.#newest.skip(commit);
    if (commit.unwatched === true) return this.#passOver(commit);
    this.#commits.push(commit);
    this.#bytes += bytesOf(commit);
    while (this.#bytes > this.#bytesMax && this.end - this.#first > 1) this.#drop();
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }

  /** Resolves with the next commit, when `signal` aborts, or after `timeoutMs`. */
  async appended(timeoutMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    await new Promise<void>((done) => {
      const finish = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', finish);
        this.#waiting.delete(finish);
        done();
      };
      const timer = setTimeout(finish, timeoutMs);
      signal.addEventListener('abort', finish);
      this.#waiting.add(finish);
    });
  }

  /** Its events are not here: what is held begins behind it. */
  #passOver(commit: StreamedCommit): void {
    while (this.end > this.#first) this.#drop();
    this.#oldest.skip(commit);
  }

  #drop(): void {
    const dropped = this.#commits[this.#dropped]!;
    this.#commits[this.#dropped] = undefined;
    this.#dropped += 1;
    this.#first += 1;
    this.#bytes -= bytesOf(dropped);
    this.#oldest.skip(dropped);
    if (this.#dropped * 2 <= this.#commits.length) return;
    this.#commits = this.#commits.slice(this.#dropped);
    this.#dropped = 0;
  }
}

function bytesOf({ events }: StreamedCommit): number {
  return events.reduce((sum, event) => sum + event.json.length, COMMIT_BYTES);
}
