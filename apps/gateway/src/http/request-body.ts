import { Problem } from '../problem.js';

/** The fields of a body; none when there is no body. */
export function objectOf(body: unknown): Record<string, unknown> {
  if (body === undefined || body === null) return {};
  if (typeof body === 'object' && !Array.isArray(body)) return { ...body };
  throw Problem.of('invalid-field', 'the body is not an object', { field: '/', remedy: 'send one JSON object' });
}
