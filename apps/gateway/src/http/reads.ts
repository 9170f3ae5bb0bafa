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
    const minPosition = minPositionOf(request);
    const answered = await this.model.ask({
      query,
      ...(at === undefined ? {} : { moment: momentOf(at) }),
      ...(minPosition === undefined ? {} : { minPosition }),
    });
    send(reply, answered);
  }

  /** Where a service lives; nothing when nobody knows it. */
  async whereabouts(request: FastifyRequest, service: string): Promise<Whereabouts | undefined> {
    const minPosition = minPositionOf(request);
    const query = { ask: 'whereabouts', service } as const;
    try {
      const { body } = await this.model.ask({ query, ...(minPosition === undefined ? {} : { minPosition }) });
      return JSON.parse(Buffer.from(body).toString()) as Whereabouts;
    } catch (error) {
      if (error instanceof Problem && error.code === 'unknown-service') return undefined;
      throw error;
    }
  }
}

function send(reply: FastifyReply, { body, position, etag }: Answered): void {
  void reply.header('orrery-position', position).header('cache-control', 'no-cache');
  if (etag !== undefined) void reply.header('etag', `"${etag}"`);
  void reply
    .header('content-type', 'application/json; charset=utf-8')
    .send(Buffer.from(body.buffer, body.byteOffset, body.byteLength));
}
