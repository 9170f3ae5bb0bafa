import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { linesOfJson, serverSentEvents } from '../../events/event-stream.js';
import { EventStreams } from '../event-streams.js';
import { headerOf, invalid, parametersOf } from '../parameters.js';

@Controller('v1/events')
export class EventsController {
  constructor(private readonly streams: EventStreams) {}

  /** Server-sent events, or lines of JSON where those are asked for. */
  @Get()
  async stream(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { from, follow, service, type } = parametersOf(request, ['from', 'follow', 'service', 'type']);
    if (follow !== undefined && follow !== 'true' && follow !== 'false') {
      throw invalid('follow', `follow is true or false, found ${follow}`, 'leave it out to follow');
    }
    const lines = (headerOf(request, 'accept') ?? '').includes('ndjson');
    const start = headerOf(request, 'last-event-id') ?? from;
    const filter = { ...(service === undefined ? {} : { service }), ...(type === undefined ? {} : { type }) };
    await this.streams.serve(reply, {
      ...(start === undefined ? {} : { start }),
      follow: follow !== 'false',
      filter,
      format: lines ? linesOfJson : serverSentEvents,
      contentType: lines ? 'application/x-ndjson' : 'text/event-stream',
    });
  }
}
