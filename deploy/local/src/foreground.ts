import { statusLine } from './status-line.js';
import { progressTo } from './progress.js';
import type { Settings } from './settings.js';
import { stopSignals } from './stop-signals.js';
import { runUp } from './up.js';

/** Runs the cluster in this terminal, or for a parent that detaches from it once it is ready. */
export async function runInForeground(
  settings: Settings,
  options: { readonly whileStdinIsOpen: boolean },
): Promise<number> {
  const line = statusLine(process.stderr);
  const tell = (message: DetachedMessage) => process.connected && process.send?.(message);
  const progress = progressTo((text) => {
    line.say(text);
    tell({ say: text });
  });
  await runUp(settings, {
    progress,
    stopped: stopSignals(options),
    ready: ({ gateway }, supervisor) => {
      progress.say(
        `Orrery is ready: ${gateway} serves REST and its documentation, \`npx orrery task list\` shows what runs`,
      );
      tell({ ready: gateway });
      if (process.connected) process.disconnect();
      line.follow(gateway, supervisor);
    },
  }).finally(() => line.end());
  return 0;
}

/** What a detached launcher tells the one that started it. */
export interface DetachedMessage {
  readonly say?: string;
  readonly ready?: string;
}
