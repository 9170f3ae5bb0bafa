import { Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../problem.js';
import type { Query, Whereabouts } from '../read-model/query.js';
import { ReadModel, type Answered } from '../read-model/read-model.js';
import { minPositionOf, momentOf, type Parameters } from './parameters.js';

/** Answers reads from the read model: its bytes go to the client as they are. */
@Injectable()
export class Reads {
  constructor(private readonly model: ReadModel) {}

  async answer(request: FastifyRequest, reply: FastifyReply, query: Query, { at }: Parameters = {}): Promise<void> {
    send(reply, await this.ask(request, query, at));
  }

  /** An answer that something is added to before it is sent. */
  async answerWith(
    request: FastifyRequest,
    reply: FastifyReply,
    { query, at }: { readonly query: Query; readonly at: string | undefined },
    add: (value: unknown) => Promise<unknown>,
  ): Promise<void> {
    const answered = await this.ask(request, query, at);
    const value = await add(parse(answered));
    send(reply, { ...answered, body: Buffer.from(JSON.stringify(value)) });
  }

  /** An answer that this process itself works with. */
  async value(request: FastifyRequest, query: Query, at: string | undefined): Promise<unknown> {
    return parse(await this.ask(request, query, at));
  }

  /** Where a service lives; nothing when nobody knows it. */
  async whereabouts(request: FastifyRequest, service: string): Promise<Whereabouts | undefined> {
    try {
      return (await this.value(request, { ask: 'whereabouts', service }, undefined)) as Whereabouts;
    } catch (error) {
      if (error instanceof Problem && error.code === 'unknown-service') return undefined;
      throw error;
    }
  }

  private ask(request: FastifyRequest, query: Query, at: string | undefined): Promise<Answered> {
    const minPosition = minPositionOf(request);
    return this.model.ask({
      query,
      ...(at === undefined ? {} : { moment: momentOf(at) }),
      ...(minPosition === undefined ? {} : { minPosition }),
    });
  }
}

function send(reply: FastifyReply, { body, position, etag }: Answered): void {
  void reply.header('orrery-position', position).header('cache-control', 'no-cache');
  if (etag !== undefined) void reply.header('etag', `"${etag}"`);
  void reply
    .header('content-type', 'application/json; charset=utf-8')
    .send(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
}

function parse({ body }: Answered): unknown {
  return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString());
}
