import { guardHome } from './guardian.js';
import { Home } from './home.js';
import { startInfrastructure } from './infrastructure.js';
import { progressTo } from './progress.js';
import type { Settings } from './settings.js';
import { stopSignals } from './stop-signals.js';
import { Supervisor } from './supervisor.js';

/** Runs Kafka and Cassandra alone until it is told to stop; their addresses are one line of JSON on stdout. */
export async function runInfra(settings: Settings, deletableTopics: boolean): Promise<number> {
  const home = new Home(settings.home);
  const progress = progressTo((line) => console.error(line));
  const stopped = stopSignals();
  await home.take(progress.say);
  const guardian = guardHome(home);
  const supervisor = new Supervisor({
    logFolder: home.logFolder,
    record: (running) => home.record(running),
    say: progress.say,
  });
  try {
    const surroundings = { settings, supervisor, progress, signal: stopped.signal, deletableTopics };
    const { kafka, cassandra, stop } = await startInfrastructure(surroundings);
    console.log(JSON.stringify({ kafka, cassandra, datacenter: settings.datacenter }));
    await stopped.told;
    await stop();
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
  } finally {
    await supervisor.stop();
    guardian.dismiss();
    home.release();
  }
  return 0;
}
