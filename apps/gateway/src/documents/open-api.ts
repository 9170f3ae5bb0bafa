import type { TSchema } from 'typebox';
import * as answers from './answer-schemas.js';
import { operations, queryParameters, type Operation } from './operations.js';

/** OpenAPI 3.1, whose schemas are JSON Schema: those of the commands are the ones that their owners check with. */
export function openApi(): object {
  const paths: Record<string, Record<string, object>> = {};
  for (const operation of operations) (paths[operation.path] ??= {})[operation.method] = describe(operation);
  return {
    openapi: '3.1.0',
    info: {
      title: 'Orrery',
      version: '0.1.0',
      description:
        'Every read takes `at`; every answer carries `Orrery-Position`; a read with `Orrery-Min-Position` waits for it. ' +
        'Every write is a command: 202 with its position, or its outcome with `Prefer: wait=N`.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    paths,
    components: { schemas: { Problem: answers.problem } },
  };
}

function describe(operation: Operation): object {
  const { method, path, summary, tag, body, writes } = operation;
  const content = (type: string, schema: TSchema | object) => ({ content: { [type]: { schema } } });
  const problem = {
    description: 'Problem',
    ...content('application/problem+json', { $ref: '#/components/schemas/Problem' }),
  };
  return {
    operationId: `${method}${path.replace(/[^A-Za-z]+(.)?/g, (_, next: string | undefined) => (next ?? '').toUpperCase())}`,
    summary,
    tags: [tag],
    parameters: parametersOf(operation),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, ...content('application/json', withoutPathFields(body, path)) } }),
    responses: {
      200: {
        description: summary,
        headers: positionHeader,
        ...content(operation.contentType ?? 'application/json', answerOf(operation)),
      },
      ...(writes === true
        ? {
            202: {
              description: 'Handed over',
              headers: positionHeader,
              ...content('application/json', answers.outcome),
            },
          }
        : {}),
      default: problem,
    },
  };
}

const positionHeader = {
  'Orrery-Position': {
    description: 'What this answer has seen: opaque, good on any gateway',
    schema: { type: 'string' },
  },
};

function answerOf({ answer, list }: Operation): object {
  if (list !== true) return answer;
  return {
    type: 'object',
    required: ['items', 'next'],
    properties: { items: { type: 'array', items: answer }, next: { type: ['string', 'null'] } },
  };
}

function parametersOf({ path, query = [], writes }: Operation): object[] {
  const string = { type: 'string' };
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    schema: string,
  }));
  const inQuery = query.map((name) => ({ name, in: 'query', description: queryParameters[name], schema: string }));
  const headers = writes === true ? writeHeaders : { 'Orrery-Min-Position': 'Wait until the answer has seen this' };
  const inHeader = Object.entries(headers).map(([name, description]) => ({
    name,
    in: 'header',
    description,
    schema: string,
  }));
  return [...inPath, ...inQuery, ...inHeader];
}

const writeHeaders = {
  'Idempotency-Key': 'Id of the command: the same one again takes effect once',
  'Orrery-Reason': 'Why; kept for ever',
  'Orrery-Actor': 'Who',
  'If-Match': 'The version that was seen; 412 when it moved',
  Prefer: 'wait=N: answer with the outcome, if it comes within N seconds',
};

/** What stands in the address need not stand in the body. */
function withoutPathFields(schema: TSchema, path: string): object {
  const { required, ...rest } = schema as TSchema & { required?: string[] };
  const inPath = new Set([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name).concat('agent', 'task'));
  const stillRequired = (required ?? []).filter((field) => !inPath.has(field));
  return { ...rest, ...(stillRequired.length === 0 ? {} : { required: stillRequired }) };
}
