import { refusalStatus } from '@orrery/contracts';
import type { Refusal } from '@orrery/kernel';

/** Codes of the gateway itself, beside the refusals of the domains. */
const gatewayStatus = {
  'unknown-address': 404,
  'unknown-command': 404,
  'method-not-allowed': 405,
  'unsupported-media-type': 415,
  'not-acceptable': 406,
  'invalid-parameter': 400,
  'not-in-the-past': 422,
  'before-the-beginning': 404,
  'position-not-reached': 503,
  'not-ready': 503,
  'log-away': 503,
  'history-away': 503,
  'too-many-streams': 429,
  'too-many-reads-of-the-past': 429,
  'no-such-verb': 404,
  'other-site': 403,
  'stream-failed': 502,
  'unknown-path': 404,
  'outside-sandbox': 422,
  'not-a-file': 422,
  'time-over': 422,
  'no-terminal': 422,
  'unknown-package': 404,
  'no-alerts': 404,
  'unknown-package-version': 404,
  'unknown-repository': 404,
  'package-already-installed': 409,
  'package-not-installed': 404,
  'unknown-option': 400,
  'invalid-option': 400,
  'not-renderable': 422,
  'no-endpoint': 409,
  'no-upgrade-path': 422,
  'broken-package': 502,
  'repository-away': 503,
  'too-many-repositories': 422,
  internal: 500,
} as const;

export type ProblemCode = keyof typeof gatewayStatus | keyof typeof refusalStatus;

export type ProblemDetails = Pick<Refusal, 'field' | 'remedy' | 'also'>;

/** An answer that is an error: thrown where it is found, written as problem+json (RFC 9457) by the one filter. */
export class Problem extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly details: ProblemDetails = {},
  ) {
    super(message);
    this.name = 'Problem';
  }

  get status(): number {
    return statusOfCode(this.code);
  }

  static of(code: ProblemCode, message: string, details: ProblemDetails = {}): Problem {
    return new Problem(code, message, details);
  }

  static refused({ code, message, ...details }: Refusal): Problem {
    return new Problem(code, message, details);
  }
}

/** The HTTP status of a code; a refusal that this gateway does not know yet is still a refusal by a rule. */
export function statusOfCode(code: string): number {
  const known: Readonly<Record<string, number>> = { ...refusalStatus, ...gatewayStatus };
  return Object.hasOwn(known, code) ? known[code]! : 422;
}

export interface ProblemBody extends ProblemDetails {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail: string;
  readonly instance: string;
}

export function problemBody(problem: Problem, instance: string): ProblemBody {
  const { code, status, message, details } = problem;
  return { type: `/docs#problem-${code}`, title: titleOf(code), status, code, detail: message, ...details, instance };
}

/** `unknown-service` → `Unknown service`. */
function titleOf(code: string): string {
  const words = code.replaceAll('-', ' ');
  return words.slice(0, 1).toUpperCase() + words.slice(1);
}

export const problemCodes: readonly string[] = [...Object.keys(gatewayStatus), ...Object.keys(refusalStatus)].sort();
