export interface ExitStatus {
  readonly code?: number;
  readonly signal?: string;
  readonly oom?: boolean;
}

/** `message`: what the agent found that saw the end; of `exit-code` and `signal` the last line that the task wrote to stderr. */
interface End {
  readonly reason?: string | undefined;
  readonly exit?: ExitStatus | undefined;
  readonly message?: string | undefined;
}

/** How a task ended, for people. */
export function endMessage({ reason, exit, message }: End): string | undefined {
  const how = exit && exitMessage(exit);
  if (message === undefined || how === undefined) return message ?? how;
  return reason === 'exit-code' || reason === 'signal' ? `${how}: ${message}` : message;
}

function exitMessage({ code, signal, oom }: ExitStatus): string | undefined {
  if (oom === true) return 'out of memory: it used more than its limit';
  if (signal !== undefined) return `killed by ${signal}`;
  return code === undefined ? undefined : `exited with code ${code}`;
}
