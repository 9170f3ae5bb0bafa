export interface ExitStatus {
  readonly code?: number;
  readonly signal?: string;
  readonly oom?: boolean;
}

/** For people; where the agent that saw the end said nothing better. */
export function exitMessage({ code, signal, oom }: ExitStatus): string | undefined {
  if (oom === true) return 'out of memory: it used more than its limit';
  if (signal !== undefined) return `killed by ${signal}`;
  return code === undefined ? undefined : `exited with code ${code}`;
}
