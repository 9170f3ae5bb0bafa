import { Injectable } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import type { EventFilter } from '../events/event-cursor.js';
import { EventRing } from '../events/event-ring.js';
import { streamEvents, type StreamFormat } from '../events/event-stream.js';
import { beginning, decodePosition, encodePosition, type Position } from '../position.js';
import { Problem } from '../problem.js';
import { ReadModel } from '../read-model/read-model.js';
import { invalid, timeOrAgo } from './parameters.js';
import { ResponseSink } from './response-sink.js';

const STREAMS_MAX = 1_000;
/** So long after the last stream the ring goes on to be filled: for one that comes back. */
const LINGER_MS = 60_000;

export interface StreamRequest {
  /** A position, a time, a duration ago, `beginning`; now when left out. */
  readonly start?: string;
  readonly follow: boolean;
  readonly filter: EventFilter;
  readonly format: StreamFormat;
  readonly contentType: string;
}

/** Serves event streams: their number is bounded, and all of them are fed by the one ring. */
@Injectable()
export class EventStreams {
  #open = 0;
  #watching: Promise<void> | undefined;
  #lookingAway: NodeJS.Timeout | undefined;
  readonly #closing = new AbortController();

  constructor(
    private readonly ring: EventRing,
    private readonly model: ReadModel,
  ) {}

  get open(): number {
    return this.#open;
  }

  async serve(reply: FastifyReply, { start, follow, filter, format, contentType }: StreamRequest): Promise<void> {
    if (this.#open >= STREAMS_MAX) {
      throw Problem.of('too-many-streams', `${STREAMS_MAX} event streams are open here`, {
        remedy: 'use another gateway',
      });
    }
    if (!this.model.status().ready) {
      throw Problem.of('not-ready', 'the journals are still being folded', { remedy: 'try again' });
    }
    await this.watch();
    const until = this.ring.position;
    const from = start === undefined ? until : await this.startOf(start);
    const sink = new ResponseSink(reply, contentType, { 'orrery-position': encodePosition(from) });
    this.#open += 1;
    try {
      const signal = AbortSignal.any([sink.gone, this.#closing.signal]);
      const sources = { ring: this.ring, catchUp: (position: Position) => this.model.catchUp(position, signal) };
      await streamEvents(sources, sink, { from, filter, format, signal, ...(follow ? {} : { until }) });
    } catch (error) {
      await sink.write(format.ended(encodePosition(from), error instanceof Error ? error.message : 'failed'));
    } finally {
      this.#open -= 1;
      if (this.#open === 0) this.lookAwayLater();
      sink.end();
    }
  }

  /** Ends all streams: each client goes on elsewhere from the last position it saw. */
  close(): void {
    clearTimeout(this.#lookingAway);
    this.#closing.abort();
  }

  /** Resolves once every commit that comes carries its events. */
  private watch(): Promise<void> {
    clearTimeout(this.#lookingAway);
    const watching = (this.#watching ??= this.model.watch(true));
    watching.catch(() => (this.#watching = undefined));
    return watching;
  }

  private lookAwayLater(): void {
    clearTimeout(this.#lookingAway);
    this.#lookingAway = setTimeout(() => {
      if (this.#open > 0) return;
      this.#watching = undefined;
      // A model that is gone watches nothing, either.
      this.model.watch(false).catch(() => undefined);
    }, LINGER_MS).unref();
  }

  private async startOf(start: string): Promise<Position> {
    if (start === 'beginning') return beginning;
    const position = decodePosition(start);
    if (position !== undefined) return position;
    const atMs = timeOrAgo(start);
    if (atMs !== undefined) return this.model.positionBefore(atMs);
    throw invalid(
      'from',
      `from is a position, a time, a duration ago or beginning, found ${start}`,
      'use the id of the last event seen',
    );
  }
}
