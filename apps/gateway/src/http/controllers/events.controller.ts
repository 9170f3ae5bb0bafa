import { Controller, Get, Req, Res } from '@nestjs/common';
import { parseTaskId } from '@orrery/contracts';
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
    const { from, follow, service, task, type } = parametersOf(request, ['from', 'follow', 'service', 'task', 'type']);
    if (follow !== undefined && follow !== 'true' && follow !== 'false') {
      throw invalid('follow', `follow is true or false, found ${follow}`, 'leave it out to follow');
    }
    if (task !== undefined && parseTaskId(task) === undefined) {
      throw invalid('task', `${task} is no task`, 'a task is named like hello.web-0.server');
    }
    const lines = (headerOf(request, 'accept') ?? '').includes('ndjson');
    const start = headerOf(request, 'last-event-id') ?? from;
    const filter = {
      ...(service === undefined ? {} : { service }),
      ...(task === undefined ? {} : { task }),
      ...(type === undefined ? {} : { type }),
    };
    await this.streams.serve(reply, {
      ...(start === undefined ? {} : { start }),
      follow: follow !== 'false',
      filter,
      format: lines ? linesOfJson : serverSentEvents,
      contentType: lines ? 'application/x-ndjson' : 'text/event-stream',
    });
  }
}
