import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ReadModel } from '../../read-model/read-model.js';
import { HistoryReads } from '../history-reads.js';
import { pageOf, parametersOf } from '../parameters.js';
import { Reads } from '../reads.js';
import { ResponseSink } from '../response-sink.js';

@Controller('v1')
export class PastController {
  constructor(
    private readonly reads: Reads,
    private readonly history: HistoryReads,
    private readonly model: ReadModel,
  ) {}

  /** Services, agents and tasks at once; `limit` bounds each of the three lists. */
  @Get('state')
  async state(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['at', 'limit']);
    const page = pageOf({ limit: '10000', ...parameters });
    await this.reads.answer(request, reply, { ask: 'state', page }, parameters);
  }

  @Get('audit')
  async audit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.history.audit(request, reply);
  }

  /** Lines of JSON: progress, findings, one result at the end. */
  @Get('audit/verify')
  async verify(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    parametersOf(request, []);
    const sink = new ResponseSink(reply, 'application/x-ndjson');
    try {
      for await (const line of this.model.verify(sink.gone)) {
        if (!(await sink.write(`${JSON.stringify(line)}\n`))) return;
      }
    } catch (error) {
      await sink.write(`${JSON.stringify({ kind: 'result', ok: false, message: (error as Error).message })}\n`);
    } finally {
      sink.end();
    }
  }
}
