import { NoTerminal, OutsideSandbox } from '@orrery/runtimes';

/** Why a stream can't be served, with the code that its reader is told. */
export class StreamFailure extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
    this.name = 'StreamFailure';
  }
}

const codesOfSystem: Readonly<Record<string, string>> = {
  ENOENT: 'unknown-path',
  ENOTDIR: 'unknown-path',
  ENAMETOOLONG: 'unknown-path',
  ELOOP: 'unknown-path',
  ERR_INVALID_ARG_VALUE: 'unknown-path',
  EISDIR: 'not-a-file',
};

export function failureOf(error: unknown, path: string | undefined): StreamFailure {
  if (error instanceof StreamFailure) return error;
  if (error instanceof OutsideSandbox) return new StreamFailure('outside-sandbox', error.message);
  if (error instanceof NoTerminal) return new StreamFailure('no-terminal', error.message);
  const { message, code = '' } = error as NodeJS.ErrnoException;
  const known = codesOfSystem[code];
  // What the system says names places of this machine, which are nobody else's business.
  if (known === 'unknown-path') return new StreamFailure(known, `there is no ${path ?? 'such file'} in the sandbox`);
  return new StreamFailure(known ?? 'stream-failed', message);
}
