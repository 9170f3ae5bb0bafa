import { Body, Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import type { AgentId } from '@orrery/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HistoryReads } from '../history-reads.js';
import { pageOf, pageParameters, parametersOf } from '../parameters.js';
import { Reads } from '../reads.js';
import { objectOf } from '../request-body.js';
import { TaskFiguresReads } from '../task-figures.js';
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
    private readonly figures: TaskFiguresReads,
  ) {}

  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['at', ...pageParameters]);
    const query = { ask: 'agents', page: pageOf(parameters) } as const;
    const { at } = parameters;
    if (at !== undefined) return this.reads.answer(request, reply, query, parameters);
    await this.reads.answerWith(request, reply, { query, at }, async (told) => {
      const { items, ...rest } = told as { readonly items: readonly { readonly id: AgentId }[] };
      return { items: items.map((agent) => this.figures.withMachine(agent)), ...rest };
    });
  }

  @Get(':id')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    const { at } = parametersOf(request, ['at']);
    const query = { ask: 'agent', id } as const;
    await this.reads.answerWith(request, reply, { query, at }, async (told) =>
      at === undefined ? this.figures.withMachine(told as { readonly id: AgentId }) : told,
    );
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
