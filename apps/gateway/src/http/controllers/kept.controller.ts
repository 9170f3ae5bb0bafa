import { Body, Controller, Delete, Get, Param, Post, Req, Res } from '@nestjs/common';
import { cellOfAgent } from '@orrery/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Problem } from '../../problem.js';
import { GatewaySettings } from '../../settings.js';
import { pageOf, pageParameters, parametersOf } from '../parameters.js';
import { Reads } from '../reads.js';
import { objectOf } from '../request-body.js';
import { Writes } from '../writes.js';

/** What is kept on agents beyond the life of a pod: reservations and volumes. */
@Controller('v1')
export class KeptController {
  constructor(
    private readonly reads: Reads,
    private readonly writes: Writes,
    private readonly settings: GatewaySettings,
  ) {}

  @Get('reservations')
  async reservations(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['at', ...pageParameters]);
    await this.reads.answer(request, reply, { ask: 'reservations', page: pageOf(parameters) }, parameters);
  }

  @Post('reservations')
  async reserve(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Body() given: unknown): Promise<void> {
    const body = objectOf(given);
    await this.order(request, reply, 'Reserve', String(body['agent'] ?? ''), body);
  }

  @Delete('reservations/:id')
  async unreserve(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    const agent = await this.agentOf(request, 'reservation', id);
    await this.order(request, reply, 'Unreserve', agent, { agent, reservation: id });
  }

  @Get('volumes')
  async volumes(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const parameters = parametersOf(request, ['at', ...pageParameters]);
    await this.reads.answer(request, reply, { ask: 'volumes', page: pageOf(parameters) }, parameters);
  }

  @Delete('volumes/:id')
  async destroy(@Req() request: FastifyRequest, @Res() reply: FastifyReply, @Param('id') id: string): Promise<void> {
    const agent = await this.agentOf(request, 'volume', id);
    await this.order(request, reply, 'DestroyVolume', agent, { agent, volume: id });
  }

  @Post('volumes/:id/adopt')
  async adopt(
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
    @Param('id') id: string,
    @Body() given: unknown,
  ): Promise<void> {
    const agent = await this.agentOf(request, 'volume', id);
    await this.order(request, reply, 'AdoptVolume', agent, { ...objectOf(given), agent, volume: id });
  }

  private async agentOf(request: FastifyRequest, kind: 'reservation' | 'volume', id: string): Promise<string> {
    const { agent } = parametersOf(request, ['agent']);
    if (agent !== undefined) return agent;
    return ((await this.reads.value(request, { ask: 'agent-of', kind, id }, undefined)) as { agent: string }).agent;
  }

  private async order(
    request: FastifyRequest,
    reply: FastifyReply,
    name: string,
    agent: string,
    body: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const cell = cellOfAgent(agent);
    if (cell >= this.settings.cells)
      throw Problem.of('unknown-agent', `there is no agent ${agent}`, { remedy: 'see the list of agents' });
    await this.writes.submit(request, reply, { domain: 'allocation', name, key: agent, cell, body });
  }
}
