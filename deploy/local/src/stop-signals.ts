export interface StopSignals {
  /** Aborted when the launcher is told to stop, by a person, by the system, or by the end of its terminal. */
  readonly signal: AbortSignal;
  readonly told: Promise<void>;
}

/** From here on a signal asks for an orderly stop; repeating it changes nothing, since the graces bound the stop. */
export function stopSignals({ whileStdinIsOpen = false } = {}): StopSignals {
  const controller = new AbortController();
  const told = new Promise<void>((resolve) => controller.signal.addEventListener('abort', () => resolve()));
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => controller.abort(new Error(`stopped by ${name}`)));
  }
  if (whileStdinIsOpen) {
    process.stdin.once('end', () => controller.abort(new Error('stopped by the end of stdin'))).resume();
  }
  // A terminal that is gone must not turn the next line of progress into a crash.
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE' && error.code !== 'EIO') throw error;
    });
  }
  void told.then(() => process.stdin.pause());
  return { signal: controller.signal, told };
}
