/** A broken invariant: a bug, never a user's mistake. It stops the shard that met it. */
export class InvariantError extends Error {
  constructor(
    message: string,
    readonly details: Readonly<Record<string, unknown>> = {},
  ) {
    super(Object.keys(details).length === 0 ? message : `${message} ${JSON.stringify(details)}`);
    this.name = 'InvariantError';
  }
}

/** Assertions stay on in production: a wrong state that goes on costs more than a shard that stops. */
export function assert(
  condition: unknown,
  message: string,
  details?: Readonly<Record<string, unknown>>,
): asserts condition {
  if (!condition) throw new InvariantError(message, details);
}

/** Marks the branch that the compiler proves empty, so that a new case stops the build. */
export function unreachable(value: never): never {
  throw new InvariantError('unreachable case', { value });
}
