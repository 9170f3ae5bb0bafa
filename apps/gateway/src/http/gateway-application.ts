import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { GatewayModule, type GatewayParts } from '../gateway.module.js';
import { GatewayMetrics } from '../metrics.js';
import { addBodyParsers } from './body-parsers.js';
import { ProblemFilter } from './problem-filter.js';
import { refuseOtherSites } from './same-site.js';

export type UnexpectedLogger = (error: unknown) => void;

/** The HTTP application, ready to listen or to be asked by `inject`. */
export async function gatewayApplication(
  parts: GatewayParts,
  logUnexpected: UnexpectedLogger,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: 1024 * 1024,
    routerOptions: { maxParamLength: 512 },
    forceCloseConnections: true,
  });
  const app = await NestFactory.create<NestFastifyApplication>(GatewayModule.of(parts), adapter, {
    bodyParser: false,
    logger: false,
    abortOnError: false,
  });
  app.useGlobalFilters(new ProblemFilter(logUnexpected));
  const fastify = adapter.getInstance();
  addBodyParsers(fastify);
  refuseOtherSites(fastify);
  const metrics = app.get(GatewayMetrics);
  fastify.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'none';
    metrics.observeRequest(
      { method: request.method, route, status: String(reply.statusCode) },
      reply.elapsedTime / 1000,
    );
  });
  await app.init();
  await fastify.ready();
  return app;
}
