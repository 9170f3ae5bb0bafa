import { guardHome } from './guardian.js';
import { Home } from './home.js';
import { startInfrastructure } from './infrastructure.js';
import { Ports } from './ports.js';
import { progressTo } from './progress.js';
import { RememberedPorts } from './remembered-ports.js';
import type { Settings } from './settings.js';
import { stopSignals } from './stop-signals.js';
import { Supervisor } from './supervisor.js';

export interface InfraOptions {
  readonly deletableTopics: boolean;
  /** For a parent that must not leave anything behind, however it ends: its end closes our stdin. */
  readonly whileStdinIsOpen: boolean;
}

/** Runs Kafka and Cassandra alone until it is told to stop; their addresses are one line of JSON on stdout. */
export async function runInfra(settings: Settings, options: InfraOptions): Promise<number> {
  const home = new Home(settings.home);
  const progress = progressTo((line) => console.error(line));
  const stopped = stopSignals({ whileStdinIsOpen: options.whileStdinIsOpen });
  await home.take(progress.say);
  const guardian = guardHome(home);
  const ports = new Ports();
  const supervisor = new Supervisor({
    logFolder: home.logFolder,
    record: (running) => home.record(running),
    say: progress.say,
  });
  try {
    const surroundings = {
      ports,
      remembered: new RememberedPorts(home.folder),
      settings,
      supervisor,
      progress,
      signal: stopped.signal,
      deletableTopics: options.deletableTopics,
    };
    const { kafka, cassandra, stop } = await startInfrastructure(surroundings);
    console.log(JSON.stringify({ kafka, cassandra, datacenter: settings.datacenter }));
    await stopped.told;
    await stop();
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
  } finally {
    await supervisor.stop();
    ports.release();
    guardian.dismiss();
    home.release();
  }
  return 0;
}
