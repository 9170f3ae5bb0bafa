/** What scripts can rely on: see interfaces §2. */
export const exitCodes = {
  done: 0,
  error: 1,
  usage: 2,
  notFound: 3,
  conflict: 4,
  notPlaced: 5,
  refused: 6,
  changesPending: 10,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The exit code that stands for an HTTP status of the gateway. */
export function exitCodeOfStatus(status: number): ExitCode {
  if (status === 404) return exitCodes.notFound;
  if (status === 409 || status === 412) return exitCodes.conflict;
  if (status === 422) return exitCodes.refused;
  return status < 400 ? exitCodes.done : exitCodes.error;
}
