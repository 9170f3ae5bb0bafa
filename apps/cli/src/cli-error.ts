import { exitCodeOfStatus, exitCodes, type ExitCode } from './exit-codes.js';

/** Something that the user can act on: a sentence, a stable code, and what would help. */
export class CliError extends Error {
  constructor(
    readonly code: string,
    message: string,
    readonly more: Details & { readonly exitCode?: ExitCode } = {},
  ) {
    super(message);
    this.name = 'CliError';
  }

  get exitCode(): ExitCode {
    return this.more.exitCode ?? exitCodes.error;
  }
}

interface Details {
  readonly remedy?: string;
  readonly field?: string;
  /** What else is wrong with what was sent. */
  readonly also?: readonly { readonly message: string; readonly remedy?: string }[];
}

/** The body of an error answer of the gateway (RFC 9457). */
export interface Problem extends Details {
  readonly title?: string;
  readonly status: number;
  readonly code?: string;
  readonly detail?: string;
}

export function errorOfProblem(problem: Problem): CliError {
  return new CliError(
    problem.code ?? `http-${problem.status}`,
    problem.detail ?? problem.title ?? 'the gateway failed',
    {
      // What an option said was passed on as it was.
      exitCode: problem.code === 'invalid-parameter' ? exitCodes.usage : exitCodeOfStatus(problem.status),
      ...(problem.remedy === undefined ? {} : { remedy: problem.remedy }),
      ...(problem.field === undefined ? {} : { field: problem.field }),
      ...(problem.also === undefined ? {} : { also: problem.also }),
    },
  );
}

/** What goes to stderr: sentence with its code, then the remedy; then the same of what else is wrong. */
export function describeError(error: unknown): string {
  if (!(error instanceof CliError))
    return `error: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  const { remedy, also = [] } = error.more;
  const first = `error: ${error.message} (${error.code})${indented(remedy)}`;
  return [first, ...also.map((mistake) => `and: ${mistake.message}${indented(mistake.remedy)}`)].join('\n');
}

function indented(remedy: string | undefined): string {
  return remedy === undefined ? '' : `\n  ${remedy}`;
}
