import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ReadModel } from '../../read-model/read-model.js';
import { Doctor } from '../doctor.js';
import { HistoryReads } from '../history-reads.js';
import { differenceOfStates, type ShownState } from '../../state-difference.js';
import { invalid, pageOf, parametersOf } from '../parameters.js';
import { problemOf } from '../problem-filter.js';
import { Reads } from '../reads.js';
import { ResponseSink } from '../response-sink.js';

/** Of each of the lists of a state. */
const STATE_LIMIT = 10_000;

@Controller('v1')
export class PastController {
  constructor(
    private readonly reads: Reads,
    private readonly history: HistoryReads,
    private readonly model: ReadModel,
    private readonly doctor: Doctor,
  ) {}

  /** Services, agents and tasks at once; `limit` bounds each of the three lists. */
  @Get('state')
  async state(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['at', 'limit']);
    const page = pageOf({ limit: String(STATE_LIMIT), ...parameters });
    await this.reads.answer(request, reply, { ask: 'state', page }, parameters);
  }

  /** What came, went and changed from one moment to another. */
  @Get('diff')
  async diff(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { from, to } = parametersOf(request, ['from', 'to']);
    if (from === undefined) throw invalid('from', 'from is missing', 'such as from=2026-01-31T12:00:00Z');
    const page = { limit: STATE_LIMIT };
    const before = await this.reads.value(request, { ask: 'state', page }, from);
    await this.reads.answerWith(request, reply, { query: { ask: 'state', page }, at: to }, async (after) => {
      const [old, now] = [before as ShownState, after as ShownState];
      return { from: old.at, to: now.at, changes: differenceOfStates(old, now) };
    });
  }

  @Get('audit')
  async audit(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.history.audit(request, reply);
  }

  /** Lines of JSON: progress, findings, one result at the end. */
  @Get('audit/verify')
  async verify(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    parametersOf(request, []);
    await sendLines(reply, (gone) => this.model.verify(gone));
  }

  /** Lines of JSON: each check and its finding, one result at the end. */
  @Get('doctor')
  async examine(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    parametersOf(request, []);
    await sendLines(reply, (gone) => this.doctor.examine(gone));
  }
}

async function sendLines(reply: FastifyReply, lines: (gone: AbortSignal) => AsyncIterable<object>): Promise<void> {
  const sink = new ResponseSink(reply, 'application/x-ndjson');
  try {
    for await (const line of lines(sink.gone)) {
      if (!(await sink.write(`${JSON.stringify(line)}\n`))) return;
    }
  } catch (error) {
    const { code, message } = problemOf(error);
    const result = { kind: 'result', check: 'result', ok: false, code, message: `${message} (${code})` };
    await sink.write(`${JSON.stringify(result)}\n`);
  } finally {
    sink.end();
  }
}
