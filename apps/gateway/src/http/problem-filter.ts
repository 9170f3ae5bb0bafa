import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { COMMAND_BYTES_MAX } from '@orrery/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { operations } from '../documents/operations.js';
import { Problem, problemBody } from '../problem.js';

/** Every error leaves as problem+json; only what is nobody's doing but ours is logged. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(private readonly logUnexpected: (error: unknown) => void) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const found = problemOf(error);
    const methods = found.code === 'unknown-address' ? methodsAt(request.url) : [];
    const problem = methods.length === 0 ? found : methodNotAllowed(request.method, methods);
    if (methods.length > 0) void reply.header('allow', methods.join(', '));
    if (problem.status === 500) this.logUnexpected(error);
    if (reply.sent || reply.raw.headersSent) {
      reply.raw.destroy();
      return;
    }
    if (problem.status === 503 || problem.status === 429) void reply.header('retry-after', '1');
    void reply
      .status(problem.status)
      .header('content-type', 'application/problem+json')
      .send(JSON.stringify(problemBody(problem, request.url)));
  }
}

/** Addresses that take other methods than the one that was tried. */
const addresses = operations.map(({ method, path }) => ({
  method: method.toUpperCase(),
  pattern: new RegExp(`^${path.replace(/\{[a-z]+\}/gi, '[^/]+')}$`),
}));

function methodsAt(url: string): string[] {
  const path = url.split('?', 1)[0]!;
  return [...new Set(addresses.flatMap(({ method, pattern }) => (pattern.test(path) ? [method] : [])))].sort();
}

function methodNotAllowed(method: string, allowed: readonly string[]): Problem {
  const remedy = `use ${allowed.join(' or ')}`;
  return Problem.of('method-not-allowed', `${method} means nothing at this address`, { remedy });
}

/** What Fastify and Nest throw themselves, in our codes. */
export function problemOf(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const { statusCode, message = 'malformed request' } = error as { statusCode?: number; message?: string };
  const status = error instanceof HttpException ? error.getStatus() : statusCode;
  switch (status) {
    case 404:
      return Problem.of('unknown-address', 'there is nothing at this address', { remedy: 'see /docs' });
    case 413:
      return Problem.of('too-large', 'the body is too large', { remedy: `at most ${COMMAND_BYTES_MAX} bytes` });
    case 415:
      return Problem.of('unsupported-media-type', message, {
        field: 'Content-Type',
        remedy: 'send application/json, or application/yaml for a service',
      });
    default:
      break;
  }
  if (status !== undefined && status >= 400 && status < 500) return Problem.of('malformed', message);
  return Problem.of('internal', 'the gateway failed; its log says why');
}
