import { Controller, Get, Param, Res } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { asyncApi } from '../../documents/async-api.js';
import { docsPage } from '../../documents/docs-page.js';
import { messageSchemas, publishedSchema } from '../../documents/message-schemas.js';
import { openApi } from '../../documents/open-api.js';
import { Problem } from '../../problem.js';
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

  /** The names of all schemas, message by message. */
  @Get('schemas')
  schemas(@Res() reply: FastifyReply): void {
    const items = messageSchemas.map(({ name, title, kind }) => ({ name, title, kind, url: `/schemas/${name}.json` }));
    void reply.send({ items });
  }

  @Get('schemas/:file')
  schema(@Res() reply: FastifyReply, @Param('file') file: string): void {
    const schema = file.endsWith('.json') ? publishedSchema(file.slice(0, -'.json'.length)) : undefined;
    if (schema === undefined) {
      throw Problem.of('unknown-path', `there is no schema ${file}`, { remedy: 'see /schemas for their names' });
    }
    void reply.header('content-type', 'application/schema+json').send(JSON.stringify(schema));
  }

  @Get(['docs', '/'])
  docs(@Res() reply: FastifyReply): void {
    void reply.header('content-type', 'text/html; charset=utf-8').send(docsPage());
  }
}
