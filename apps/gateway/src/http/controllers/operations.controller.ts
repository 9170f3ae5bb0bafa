import { Controller, Get, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GatewayMetrics } from '../../metrics.js';
import { ReadModel } from '../../read-model/read-model.js';
import { parametersOf } from '../parameters.js';
import { Reads } from '../reads.js';

@Controller()
export class OperationsController {
  constructor(
    private readonly model: ReadModel,
    private readonly metrics: GatewayMetrics,
    private readonly reads: Reads,
  ) {}

  @Get('livez')
  live(@Res() reply: FastifyReply): void {
    void reply.send({ status: 'alive' });
  }

  /** Ready: every journal was folded up to the end that its log had at the start. */
  @Get('readyz')
  ready(@Req() request: FastifyRequest, @Res() reply: FastifyReply): void {
    const verbose = parametersOf(request, ['verbose'])['verbose'] !== undefined;
    const { ready, journals, problems } = this.model.status();
    const short = { ready, problems };
    void reply.status(ready ? 200 : 503).send(verbose ? { ...short, journals } : short);
  }

  /** For `http_sd_configs` of Prometheus. */
  @Get('v1/metrics/targets')
  async targets(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    parametersOf(request, []);
    await this.reads.answer(request, reply, { ask: 'metrics-targets' });
  }

  @Get('metrics')
  async scrape(@Res() reply: FastifyReply): Promise<void> {
    const text = await this.metrics.registry.metrics();
    void reply.header('content-type', this.metrics.registry.contentType).send(text);
  }
}
