import { Body, Controller, Get, Param, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pageOf, pageParameters, parametersOf } from '../parameters.js';
import { Reads } from '../reads.js';
import { objectOf } from '../request-body.js';
import { Writes } from '../writes.js';

/** The cell whose allocation journal is the truth about roles. */
const ROLES_CELL = 0;

/** A path such as `eng/search` stands in the address as it is, or with `%2F`. */
@Controller('v1/roles')
export class RolesController {
  constructor(
    private readonly reads: Reads,
    private readonly writes: Writes,
  ) {}

  @Get()
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['at', ...pageParameters]);
    await this.reads.answer(request, reply, { ask: 'roles', page: pageOf(parameters) }, parameters);
  }

  @Get('*')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('*') role: string): Promise<void> {
    await this.reads.answer(request, reply, { ask: 'role', role }, parametersOf(request, ['at']));
  }

  @Put('*')
  async set(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('*') role: string,
    @Body() given: unknown,
  ): Promise<void> {
    const body = { ...objectOf(given), role };
    const asking = { domain: 'allocation', name: 'SetRole', key: role, cell: ROLES_CELL, body } as const;
    await this.writes.submit(request, reply, asking);
  }
}
