import { constants } from 'node:os';
import type { LocalTerminal } from './call.js';

/** The terminal that a call runs on; nothing when its output goes elsewhere. */
export function localTerminalOf(process: NodeJS.Process): LocalTerminal | undefined {
  const { stdin, stdout } = process;
  if (!stdout.isTTY) return undefined;
  return {
    isTyped: stdin.isTTY,
    size: () => ({ rows: stdout.rows, columns: stdout.columns }),
    onResize: (listener) => {
      stdout.on('resize', listener);
      return () => void stdout.off('resize', listener);
    },
    pass: () => passOn(process),
  };
}

const endings = ['SIGTERM', 'SIGHUP'] as const;

/** Keys come as they are pressed until the returned function is called, or the process ends in whatever way it can see. */
function passOn(process: NodeJS.Process): () => void {
  const { stdin } = process;
  const setBack = (): void => void stdin.setRawMode(false);
  const handlers = endings.map((name) => [name, () => process.exit(128 + constants.signals[name])] as const);
  stdin.setRawMode(true);
  process.once('exit', setBack);
  for (const [name, handler] of handlers) process.once(name, handler);
  return () => {
    process.off('exit', setBack);
    for (const [name, handler] of handlers) process.off(name, handler);
    setBack();
  };
}

/** What comes on stdin until the signal: then nobody waits for more, and the process may end. */
export async function* inputUntil(stdin: NodeJS.ReadStream, until: AbortSignal): AsyncGenerator<Uint8Array> {
  until.addEventListener('abort', () => void stdin.destroy());
  try {
    for await (const chunk of stdin) yield chunk as Uint8Array;
  } catch (error) {
    if (!until.aborted) throw error;
  }
}
