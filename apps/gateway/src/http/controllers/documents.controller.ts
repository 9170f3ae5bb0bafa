import { Controller, Get, Res } from '@nestjs/common';
import { ServiceSpec } from '@orrery/contracts';
import type { FastifyReply } from 'fastify';
import { asyncApi } from '../../documents/async-api.js';
import { docsPage } from '../../documents/docs-page.js';
import { openApi } from '../../documents/open-api.js';
import { GatewaySettings } from '../../settings.js';

/** The contract, made from the very schemas that commands are checked with. */
@Controller()
export class DocumentsController {
  constructor(private readonly settings: GatewaySettings) {}

  @Get('openapi.json')
  openApi(@Res() reply: FastifyReply): void {
    void reply.send(openApi());
  }

  @Get('asyncapi.json')
  asyncApi(@Res() reply: FastifyReply): void {
    void reply.send(asyncApi({ cells: this.settings.cells, lanes: this.settings.lanes }));
  }

  @Get('schemas/service.json')
  serviceSchema(@Res() reply: FastifyReply): void {
    void reply
      .header('content-type', 'application/schema+json')
      .send(JSON.stringify({ $schema: 'https://json-schema.org/draft/2020-12/schema', ...ServiceSpec }));
  }

  @Get(['docs', '/'])
  docs(@Res() reply: FastifyReply): void {
    void reply.header('content-type', 'text/html; charset=utf-8').send(docsPage());
  }
}
