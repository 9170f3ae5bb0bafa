import { Home } from './home.js';
import { isAlive } from './process-identity.js';
import type { Settings } from './settings.js';
import { until } from './waiting.js';

/** Longer than the graces of all stages together. */
const STOPPED_WITHIN_MS = 150_000;

/** Stops the cluster of a home, whoever started it, and whether or not its launcher lives. */
export async function runDown(settings: Settings): Promise<number> {
  const home = new Home(settings.home);
  const launcher = home.holder();
  if (launcher === undefined) {
    const stopped = await home.sweep();
    console.error(stopped.length === 0 ? `nothing runs in ${home.folder}` : `stopped ${stopped.length} processes`);
    return 0;
  }
  console.error('stopping …');
  process.kill(launcher.pid, 'SIGTERM');
  await until(() => (isAlive(launcher) ? undefined : true), {
    what: `the end of process ${launcher.pid}`,
    withinMs: STOPPED_WITHIN_MS,
    everyMs: 100,
  });
  console.error('stopped');
  return 0;
}
