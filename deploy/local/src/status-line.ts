import type { Supervisor } from './supervisor.js';

const REFRESH_MS = 2000;

export interface StatusLine {
  /** Prints a line above the status line. */
  readonly say: (text: string) => void;
  /** Shows from now on, in one line that is written over, what runs. On anything but a terminal nothing is shown. */
  readonly follow: (gateway: string, supervisor: Supervisor) => void;
  readonly end: () => void;
}

export function statusLine(stream: NodeJS.WriteStream): StatusLine {
  let shown = '';
  let timer: NodeJS.Timeout | undefined;
  const show = (text: string) => {
    if (!stream.isTTY) return;
    shown = text.slice(0, Math.max(0, stream.columns - 1));
    stream.write(`\r\u001b[K${shown}`);
  };
  return {
    say: (text) => {
      stream.write(shown === '' ? `${text}\n` : `\r\u001b[K${text}\n${shown}`);
    },
    follow: (gateway, supervisor) => {
      if (!stream.isTTY) return;
      const refresh = () => void describe(gateway, supervisor).then(show);
      timer = setInterval(refresh, REFRESH_MS);
      refresh();
    },
    end: () => {
      clearInterval(timer);
      if (shown !== '') stream.write('\n');
      shown = '';
    },
  };
}

async function describe(gateway: string, supervisor: Supervisor): Promise<string> {
  const { running, size } = supervisor;
  const tasks = await runningTasks(gateway);
  const processes = `${running.length} of ${size} processes up`;
  return `${gateway} · ${processes}${tasks === undefined ? ' · the gateway does not answer' : ` · ${tasks} tasks running`} · Ctrl-C stops all`;
}

/** Sum over the services, or undefined when the gateway does not say. */
async function runningTasks(gateway: string): Promise<number | undefined> {
  try {
    const answer = await fetch(`${gateway}/v1/services?limit=10000`, { signal: AbortSignal.timeout(REFRESH_MS) });
    if (!answer.ok) return undefined;
    const { items } = (await answer.json()) as { items: { pods: Record<string, { running: number }> }[] };
    return items.flatMap(({ pods }) => Object.values(pods)).reduce((sum, { running }) => sum + running, 0);
  } catch {
    return undefined; // shown as such; the supervisor says it when the process has ended
  }
}
