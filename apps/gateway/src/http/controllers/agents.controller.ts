import { Body, Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HistoryReads } from '../history-reads.js';
import { pageOf, pageParameters, parametersOf } from '../parameters.js';
import { Reads } from '../reads.js';
import { objectOf } from '../request-body.js';
import { Writes } from '../writes.js';
import { commandOf } from './services.controller.js';

const agentVerbs: Readonly<Record<string, string>> = {
  drain: 'DrainAgent',
  activate: 'ActivateAgent',
  gone: 'MarkAgentGone',
  'confirm-lapse': 'ConfirmLapse',
};

@Controller('v1/agents')
export class AgentsController {
  constructor(
    private readonly reads: Reads,
    private readonly writes: Writes,
    private readonly history: HistoryReads,
  ) {}

  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['at', ...pageParameters]);
    await this.reads.answer(request, reply, { ask: 'agents', page: pageOf(parameters) }, parameters);
  }

  @Get(':id')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    await this.reads.answer(request, reply, { ask: 'agent', id }, parametersOf(request, ['at']));
  }

  @Get(':id/history')
  async story(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    await this.history.agent(request, reply, id);
  }

  @Post(':id/:verb')
  async change(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param() { id, verb }: { id: string; verb: string },
    @Body() given: unknown,
  ): Promise<void> {
    await this.writes.agent(request, reply, id, commandOf(agentVerbs, verb), objectOf(given));
  }
}
