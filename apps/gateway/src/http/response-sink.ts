import type { FastifyReply } from 'fastify';
import type { StreamSink } from '../events/event-stream.js';

const DRAIN_WITHIN_MS = 30_000;

/** A response that goes on for long: what is written waits for the client, and a client that takes too long is given up. */
export class ResponseSink implements StreamSink {
  readonly #reply: FastifyReply;
  readonly #gone = new AbortController();

  constructor(reply: FastifyReply, contentType: string, headers: Readonly<Record<string, string>> = {}) {
    this.#reply = reply;
    reply.hijack();
    reply.raw.on('close', () => this.#gone.abort());
    reply.raw.writeHead(200, {
      'content-type': contentType,
      'cache-control': 'no-cache',
      'x-accel-buffering': 'no',
      ...headers,
    });
    reply.raw.flushHeaders();
  }

  /** Aborted when the client is gone. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  async write(chunk: string | Uint8Array): Promise<boolean> {
    if (this.gone.aborted) return false;
    if (this.#reply.raw.write(chunk)) return true;
    return new Promise((done) => {
      const settle = (drained: boolean) => () => {
        clearTimeout(timer);
        this.#reply.raw.off('drain', onDrain);
        this.gone.removeEventListener('abort', onGone);
        done(drained);
      };
      const [onDrain, onGone] = [settle(true), settle(false)];
      const timer = setTimeout(onGone, DRAIN_WITHIN_MS);
      this.#reply.raw.once('drain', onDrain);
      this.gone.addEventListener('abort', onGone);
    });
  }

  end(): void {
    this.#reply.raw.end();
  }
}
