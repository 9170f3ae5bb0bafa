import { Body, Controller, Get, Param, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { taskStates } from '../../documents/answer-schemas.js';
import { HistoryReads } from '../history-reads.js';
import { countOf, invalid, pageOf, pageParameters, parametersOf } from '../parameters.js';
import { Placements } from '../placements.js';
import { Reads } from '../reads.js';
import { objectOf } from '../request-body.js';
import { Writes } from '../writes.js';

/** Agents that are named with their scores: the one that was chosen and the best of the others. */
const SCORES_DEFAULT = 4;
const SCORES_MAX = 100;

/** Of a task that no agent knows yet: `unlaunched=true` lists those, too. */
const listedStates = ['PENDING', ...taskStates];

@Controller('v1/tasks')
export class TasksController {
  constructor(
    private readonly reads: Reads,
    private readonly writes: Writes,
    private readonly history: HistoryReads,
    private readonly placements: Placements,
  ) {}

  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['at', 'service', 'agent', 'state', 'unlaunched', ...pageParameters]);
    const { service, agent, state, unlaunched } = parameters;
    if (state !== undefined && !listedStates.includes(state)) {
      throw invalid('state', `${state} is no state of a task`, `one of ${listedStates.join(', ')}`);
    }
    if (unlaunched !== undefined && unlaunched !== 'true' && unlaunched !== 'false') {
      throw invalid('unlaunched', `unlaunched is true or false, found ${unlaunched}`, 'use unlaunched=true');
    }
    const filter = {
      ...(service === undefined ? {} : { service }),
      ...(agent === undefined ? {} : { agent }),
      ...(state === undefined ? {} : { state }),
      ...(unlaunched === 'true' ? { unlaunched: true } : {}),
    };
    await this.reads.answer(request, reply, { ask: 'tasks', ...filter, page: pageOf(parameters) }, parameters);
  }

  @Get(':id')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    await this.reads.answer(request, reply, { ask: 'task', id }, parametersOf(request, ['at']));
  }

  @Get(':id/why')
  async why(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    const { at, scores } = parametersOf(request, ['at', 'scores']);
    const scoresMax = scores === undefined ? SCORES_DEFAULT : countOf('scores', scores, SCORES_MAX);
    const query = { ask: 'why', id } as const;
    await this.reads.answerWith(request, reply, { query, at }, (told) => this.placements.explain(told, scoresMax));
  }

  @Get(':id/history')
  async story(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    await this.history.task(request, reply, id);
  }

  @Post(':id/kill')
  async kill(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id') id: string,
    @Body() given: unknown,
  ): Promise<void> {
    await this.writes.task(request, reply, id, 'KillTask', objectOf(given));
  }
}
