import { covers, type Position } from '../position.js';
import { EventCursor, type EventFilter, type PlacedEvent } from './event-cursor.js';
import type { EventRing } from './event-ring.js';
import type { StreamedCommit } from './streamed-commit.js';

/** Where the bytes of a stream go. */
export interface StreamSink {
  /** Resolves true once there is room for more, false when the client is gone or did not drain in time. */
  write(text: string): Promise<boolean>;
}

/** How a stream looks on the wire: server-sent events, or lines of JSON. */
export interface StreamFormat {
  event(placed: PlacedEvent): string;
  /** Shows a quiet stream that it lives; nothing where the format has no room for it. */
  keepAlive(position: string): string;
  /** The last words: why the stream ends here, and where to go on. */
  ended(position: string, reason: string): string;
}

export interface EventStreamOptions {
  readonly from: Position;
  readonly filter: EventFilter;
  readonly format: StreamFormat;
  /** Ends the stream once everything up to here was sent; without it the stream goes on for ever. */
  readonly until?: Position;
  readonly signal: AbortSignal;
}

export interface EventSources {
  readonly ring: EventRing;
  /** What is older than the ring, in causal order, from `from` on; may begin earlier. */
  catchUp(from: Position, signal: AbortSignal): AsyncIterable<readonly StreamedCommit[]>;
}

const CHUNK_CHARACTERS = 64 * 1024;
const KEEP_ALIVE_MS = 15_000;

/** Sends events until the client is gone: first what is older than the ring, then the ring, then what comes. */
export async function streamEvents(
  sources: EventSources,
  sink: StreamSink,
  options: EventStreamOptions,
): Promise<void> {
  const { ring } = sources;
  const cursor = new EventCursor(options.from, options.filter);
  const out = new ChunkedOutput(cursor, sink, options.format);
  if (!ring.holds(cursor.position)) {
    for await (const commits of sources.catchUp(cursor.position, options.signal)) {
      for (const commit of commits) if (!(await out.send(commit))) return out.end('fell-behind');
      if (!(await out.flush())) return;
      if (ring.holds(cursor.position) || isDone(cursor, options.until)) break;
    }
  }
  if (options.signal.aborted) return;
  return followRing(ring, cursor, out, options);
}

async function followRing(
  ring: EventRing,
  cursor: EventCursor,
  out: ChunkedOutput,
  { until, signal, format }: EventStreamOptions,
): Promise<void> {
  if (!ring.holds(cursor.position)) return out.end('fell-behind');
  for (let number = ring.first; !signal.aborted;) {
    if (number < ring.first) return out.end('fell-behind');
    if (number < ring.end) {
      if (!(await out.send(ring.at(number)))) return out.end('fell-behind');
      number += 1;
      continue;
    }
    if (!(await out.flush())) return out.end('fell-behind');
    if (number < ring.end) continue;
    if (isDone(cursor, until)) return;
    await ring.appended(KEEP_ALIVE_MS, signal);
    if (number === ring.end && !signal.aborted && !(await out.write(format.keepAlive(cursor.encoded)))) return;
  }
}

function isDone(cursor: EventCursor, until: Position | undefined): boolean {
  return until !== undefined && covers({ ...cursor.position, commands: until.commands }, until);
}

/** Gathers events into chunks, so that a burst costs few writes and a slow client is waited for chunk by chunk. */
class ChunkedOutput {
  readonly #cursor: EventCursor;
  readonly #sink: StreamSink;
  readonly #format: StreamFormat;
  #text = '';

  constructor(cursor: EventCursor, sink: StreamSink, format: StreamFormat) {
    this.#cursor = cursor;
    this.#sink = sink;
    this.#format = format;
  }

  async send(commit: StreamedCommit): Promise<boolean> {
    for (const placed of this.#cursor.take(commit)) {
      this.#text += this.#format.event(placed);
      if (this.#text.length >= CHUNK_CHARACTERS && !(await this.flush())) return false;
    }
    return true;
  }

  flush(): Promise<boolean> {
    const text = this.#text;
    this.#text = '';
    return this.write(text);
  }

  async write(text: string): Promise<boolean> {
    return text === '' || this.#sink.write(text);
  }

  async end(reason: string): Promise<void> {
    await this.#sink.write(this.#text + this.#format.ended(this.#cursor.encoded, reason));
    this.#text = '';
  }
}

export const serverSentEvents: StreamFormat = {
  event: ({ position, event }) =>
    `id: ${position}\nevent: ${event.type}\ndata: ${withPosition(position, event.json)}\n\n`,
  keepAlive: (position) => `: ${position}\n\n`,
  ended: (position, reason) =>
    `id: ${position}\nevent: stream-ended\ndata: ${JSON.stringify({ position, type: 'stream-ended', reason })}\n\n`,
};

export const linesOfJson: StreamFormat = {
  event: ({ position, event }) => `${withPosition(position, event.json)}\n`,
  keepAlive: () => '',
  ended: (position, reason) => `${JSON.stringify({ position, type: 'stream-ended', reason })}\n`,
};

function withPosition(position: string, json: string): string {
  return `{"position":"${position}",${json.slice(1)}`;
}
