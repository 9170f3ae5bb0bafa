import type { FastifyInstance } from 'fastify';
import { COMMAND_BYTES_MAX } from '@orrery/contracts';
import { parseDocument } from 'yaml';
import { Problem } from '../problem.js';

const YAML_ALIASES_MAX = 100;

/** JSON and YAML bodies as parsed values; what can't be parsed is refused here, before anybody else sees it. */
export function addBodyParsers(fastify: FastifyInstance): void {
  fastify.removeAllContentTypeParsers();
  const options = { parseAs: 'string', bodyLimit: COMMAND_BYTES_MAX } as const;
  fastify.addContentTypeParser(/^application\/(.+\+)?json(;.*)?$/, options, async (_: unknown, body: string) =>
    parseJson(body),
  );
  fastify.addContentTypeParser(/^(application|text)\/(x-)?yaml(;.*)?$/, options, async (_: unknown, body: string) =>
    parseYaml(body),
  );
}

function parseJson(body: string): unknown {
  if (body.trim() === '') return undefined;
  try {
    return JSON.parse(body);
  } catch (error) {
    throw Problem.of('malformed', `the body is not JSON: ${(error as Error).message}`, {
      remedy: 'send one JSON value',
    });
  }
}

function parseYaml(body: string): unknown {
  const document = parseDocument(body);
  const [error] = document.errors;
  if (error !== undefined)
    throw Problem.of('malformed', `the body is not YAML: ${error.message}`, { remedy: 'send one document' });
  return document.toJS({ maxAliasCount: YAML_ALIASES_MAX });
}
