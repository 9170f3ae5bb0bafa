import type { FastifyRequest } from 'fastify';
import { decodePosition, parseJournalName, type Position } from '../position.js';
import { Problem } from '../problem.js';
import type { Moment, Page } from '../read-model/query.js';

export type Parameters = Readonly<Record<string, string | undefined>>;

const LIMIT_DEFAULT = 100;
const LIMIT_MAX = 10_000;
const WAIT_SECS_MAX = 60;
const REASON_LENGTH_MAX = 1024;

/** Query parameters, each given once and each known: a typing error must not silently ask another question. */
export function parametersOf(request: FastifyRequest, known: readonly string[]): Parameters {
  const given = request.query as Readonly<Record<string, string | string[]>>;
  for (const [name, value] of Object.entries(given)) {
    if (!known.includes(name)) {
      const remedy = known.length === 0 ? 'this address takes none' : `known here: ${known.join(', ')}`;
      throw invalid(name, `there is no parameter ${name} here`, remedy);
    }
    if (Array.isArray(value)) throw invalid(name, `${name} is given ${value.length} times`, 'give it once');
  }
  return given as Parameters;
}

export const pageParameters = ['limit', 'cursor'] as const;

export function pageOf({ limit, cursor }: Parameters): Page {
  const size = limit === undefined ? LIMIT_DEFAULT : Number(limit);
  if (!Number.isInteger(size) || size < 1 || size > LIMIT_MAX) {
    throw invalid('limit', `limit is a number from 1 to ${LIMIT_MAX}, found ${limit}`, `use limit=${LIMIT_MAX}`);
  }
  return { limit: size, ...(cursor === undefined ? {} : { after: decodeCursor(cursor) }) };
}

/** A number from 0 to `max`, which is also what is meant when it is left out. */
export function countOf(name: string, text: string | undefined, max: number): number {
  const count = text === undefined ? max : Number(text);
  if (Number.isInteger(count) && count >= 0 && count <= max) return count;
  throw invalid(name, `${name} is a number from 0 to ${max}, found ${text}`, `use ${name}=${max}`);
}

/** A cursor is the key of the last item of the page before, wrapped so that nobody builds one. */
export function encodeCursor(key: string): string {
  return Buffer.from(`1${key}`).toString('base64url');
}

function decodeCursor(cursor: string): string {
  const text = Buffer.from(cursor, 'base64url').toString();
  if (!text.startsWith('1')) throw invalid('cursor', 'this is no cursor of a page', 'pass `next` of the page before');
  return text.slice(1);
}

/** `?at=`: a time, a duration ago such as `10m`, a commit such as `services-0:42`, or a position. */
export function momentOf(at: string): Moment {
  const commit = /^([a-z]+-\d+):(\d{1,15})$/.exec(at);
  if (commit !== null && parseJournalName(commit[1]!) !== undefined) {
    return { kind: 'commit', journal: commit[1]!, seq: Number(commit[2]) };
  }
  const atMs = timeOrAgo(at);
  if (atMs !== undefined) return { kind: 'time', atMs };
  const position = decodePosition(at);
  if (position !== undefined) return { kind: 'position', journals: Object.fromEntries(position.journals) };
  throw invalid(
    'at',
    `at is a time, a duration ago, a commit or a position, found ${at}`,
    'such as 2026-01-31T12:00:00Z, 10m or services-0:42',
  );
}

/** Milliseconds of an RFC 3339 time; nothing when the text is none. */
export function timeOf(text: string): number | undefined {
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?$/i.test(text)) return undefined;
  // A time without a zone is UTC, wherever this process runs.
  const zoned = /(Z|[+-]\d\d:\d\d)$/i.test(text) || text.length === 10 ? text : `${text}Z`;
  const atMs = Date.parse(zoned.replace(' ', 'T'));
  return Number.isNaN(atMs) ? undefined : atMs;
}

const unitsMs: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A time, or how long ago it was: `90s`, `10m`, `1.5h`, `2d`; nothing when the text is neither. */
export function timeOrAgo(text: string, nowMs = Date.now()): number | undefined {
  const match = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h|d)$/.exec(text);
  return match === null ? timeOf(text) : Math.round(nowMs - Number(match[1]) * unitsMs[match[2]!]!);
}

export function timeParameter(name: string, text: string): number {
  const atMs = timeOrAgo(text);
  if (atMs === undefined)
    throw invalid(name, `${name} is neither a time nor a duration: ${text}`, 'such as 2026-01-31T12:00:00Z or 1h');
  return atMs;
}

export function minPositionOf(request: FastifyRequest): Position | undefined {
  const text = headerOf(request, 'orrery-min-position');
  if (text === undefined) return undefined;
  const position = decodePosition(text);
  if (position === undefined)
    throw invalid('Orrery-Min-Position', 'this is no position', 'send one that an answer carried');
  return position;
}

/** `Prefer: wait=N`, at most a minute; nothing when the client does not want to wait. */
export function waitMsOf(request: FastifyRequest): number | undefined {
  const prefer = headerOf(request, 'prefer');
  const match = prefer === undefined ? null : /(?:^|[,;\s])wait\s*=\s*(\d+)/i.exec(prefer);
  return match === null ? undefined : Math.min(Number(match[1]), WAIT_SECS_MAX) * 1000;
}

/** Who asks, until authentication says so. */
export function actorOf(request: FastifyRequest): string {
  const actor = headerOf(request, 'orrery-actor') ?? 'anonymous';
  if (!/^[\u0020-\u007e]{1,255}$/.test(actor))
    throw invalid('Orrery-Actor', 'an actor is 1 to 255 ASCII characters', 'shorten it');
  return actor;
}

/** Why; percent-encoded where it is not ASCII, since headers are. */
export function reasonOf(request: FastifyRequest): string | undefined {
  const text = headerOf(request, 'orrery-reason');
  if (text === undefined || text === '') return undefined;
  const reason = decodePercent(text);
  if (reason.length > REASON_LENGTH_MAX) {
    throw invalid('Orrery-Reason', `a reason has at most ${REASON_LENGTH_MAX} characters`, 'shorten it');
  }
  return reason;
}

export function ifVersionOf(request: FastifyRequest): string | undefined {
  const tag = headerOf(request, 'if-match');
  if (tag === undefined || tag === '*') return undefined;
  return /^(?:W\/)?"?([^"]*)"?$/.exec(tag.trim())?.[1];
}

export function headerOf(request: FastifyRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value[0] : value;
}

export function invalid(field: string, message: string, remedy: string): Problem {
  return Problem.of('invalid-parameter', message, { field, remedy });
}

function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // A lone percent sign: the text was never encoded.
  }
}
