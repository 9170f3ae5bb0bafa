import { Body, Controller, Delete, Get, Param, Put, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GatewaySettings } from '../../settings.js';
import { pageOf, pageParameters, parametersOf } from '../parameters.js';
import { Reads } from '../reads.js';
import { objectOf } from '../request-body.js';
import { Writes } from '../writes.js';

/** The cell whose allocation journal is the truth about roles. */
const ROLES_CELL = 0;

/** Roles, their quotas, what shares are made of, and how much makes way for others. A path such as `eng/search` stands in the address as it is, or with `%2F`. */
@Controller('v1')
export class RolesController {
  constructor(
    private readonly reads: Reads,
    private readonly writes: Writes,
    private readonly settings: GatewaySettings,
  ) {}

  @Get('roles')
  async list(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['at', ...pageParameters]);
    await this.reads.answer(request, reply, { ask: 'roles', page: pageOf(parameters) }, parameters);
  }

  @Get('roles/*')
  async show(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('*') role: string): Promise<void> {
    await this.reads.answer(request, reply, { ask: 'role', role }, parametersOf(request, ['at']));
  }

  @Put('roles/*')
  async set(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('*') role: string,
    @Body() given: unknown,
  ): Promise<void> {
    await this.order(request, reply, role, 'SetRole', { ...objectOf(given), role });
  }

  @Get('fairness')
  async fairness(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.reads.answer(request, reply, { ask: 'fairness' }, parametersOf(request, ['at']));
  }

  @Put('fairness')
  async setFairness(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() given: unknown): Promise<void> {
    await this.order(request, reply, '*', 'SetFairness', objectOf(given));
  }

  @Get('preemption')
  async preemption(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.reads.answer(request, reply, { ask: 'preemption' }, parametersOf(request, ['at']));
  }

  @Put('preemption')
  async setPreemption(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Body() given: unknown,
  ): Promise<void> {
    await this.order(request, reply, '*', 'SetPreemptionBudget', objectOf(given));
  }

  @Get('quotas')
  async quotas(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['at', ...pageParameters]);
    await this.reads.answer(request, reply, { ask: 'quotas', page: pageOf(parameters) }, parameters);
  }

  @Put('quotas/*')
  async setQuota(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('*') role: string,
    @Body() given: unknown,
  ): Promise<void> {
    // As given, else in equal parts of all cells.
    await this.order(request, reply, role, 'SetQuota', { cells: this.settings.cells, ...objectOf(given), role });
  }

  @Delete('quotas/*')
  async removeQuota(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('*') role: string,
  ): Promise<void> {
    await this.order(request, reply, role, 'RemoveQuota', { role });
  }

  private async order(
    request: FastifyRequest,
    reply: FastifyReply,
    role: string,
    name: string,
    body: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    await this.writes.submit(request, reply, { domain: 'allocation', name, key: role, cell: ROLES_CELL, body });
  }
}
