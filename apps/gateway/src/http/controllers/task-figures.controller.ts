import { Controller, Get, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { invalid, pageOf, parametersOf } from '../parameters.js';
import { sortings, TaskFiguresReads, type Sorting } from '../task-figures.js';

/** What tasks use, as their agents measured it a few seconds ago. */
@Controller('v1/tasks')
export class TaskFiguresController {
  constructor(private readonly figures: TaskFiguresReads) {}

  @Get('metrics')
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['service', 'agent', 'sort', 'limit']);
    const { service, agent, sort = 'cpu' } = parameters;
    if (!Object.hasOwn(sortings, sort)) {
      throw invalid('sort', `sort is ${Object.keys(sortings).join(' or ')}, found ${sort}`, 'use sort=cpu');
    }
    const { limit } = pageOf(parameters);
    const items = await this.figures.list(request, { service, agent, sort: sort as Sorting, limit });
    void reply.header('cache-control', 'no-cache').send({ items, next: null });
  }

  @Get(':id/metrics')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    parametersOf(request, []);
    void reply.header('cache-control', 'no-cache').send(await this.figures.show(request, id));
  }
}
