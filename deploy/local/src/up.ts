import { clusterProcesses } from './cluster-processes.js';
import { removeEndpoints, writeEndpoints, type Endpoints } from './endpoints.js';
import { applyFirstService } from './first-service.js';
import { guardHome } from './guardian.js';
import { Home } from './home.js';
import { startInfrastructure } from './infrastructure.js';
import { loopback, Ports } from './ports.js';
import type { Progress } from './progress.js';
import { provisionCassandra, provisionJournals, provisionKafka } from './provision.js';
import { gatewayReady } from './readiness.js';
import type { Settings } from './settings.js';
import type { StopSignals } from './stop-signals.js';
import { Supervisor, type RunningProcess } from './supervisor.js';

const GATEWAY_READY_WITHIN_MS = 90_000;

export interface UpSurroundings {
  readonly progress: Progress;
  readonly stopped: StopSignals;
  /** Called once, when the gateway serves and the first service was applied. */
  readonly ready: (endpoints: Omit<Endpoints, 'processes'>, supervisor: Supervisor) => void;
}

/** Runs the local cluster until it is told to stop, then stops it in order. Throws when it doesn't come up. */
export async function runUp(settings: Settings, { progress, stopped, ready }: UpSurroundings): Promise<void> {
  const home = new Home(settings.home);
  home.token();
  await home.take(progress.say);
  const guardian = guardHome(home);
  const ports = new Ports();
  let addresses: Omit<Endpoints, 'processes'> | undefined;
  const supervisor = new Supervisor({
    logFolder: home.logFolder,
    record: (running: readonly RunningProcess[]) => {
      home.record(running);
      if (addresses !== undefined) writeEndpoints(home.endpointsFile, addresses, running);
    },
    say: progress.say,
  });
  let stopInfrastructure = async (): Promise<void> => undefined;
  try {
    const { signal } = stopped;
    const surroundings = { settings, supervisor, ports, progress, signal, deletableTopics: false };
    const { kafka, cassandra, stop } = await startInfrastructure(surroundings, {
      kafka: (brokers) => progress.during('topics', () => provisionKafka(settings, brokers)),
      cassandra: (nodes) => progress.during('keyspace', () => provisionCassandra(settings, nodes)),
    });
    stopInfrastructure = stop;
    await progress.during('journals', () => provisionJournals(settings, { kafka, cassandra }));

    const gatewayPort = await ports.choose(settings.gatewayPort);
    const gateway = `http://${loopback}:${gatewayPort}`;
    const { datacenter, keyspace } = settings;
    addresses = { gateway, kafka, cassandra, datacenter, keyspace };
    writeEndpoints(home.endpointsFile, addresses, supervisor.running);
    const processes = clusterProcesses(settings, { kafka, cassandra, gatewayPort });
    for (const spec of processes) await supervisor.start(spec);
    await progress.during(`gateway at ${gateway}`, () =>
      gatewayReady(gateway, {
        withinMs: GATEWAY_READY_WITHIN_MS,
        signal,
        stillWorthIt: () => supervisor.assertStarting(),
      }),
    );
    const applied = await applyFirstService(home, gateway, signal);
    if (applied !== undefined) progress.say(`applied service ${applied} (deploy/local/hello.yaml)`);
    ready(addresses, supervisor);
    await stopped.told;
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
  } finally {
    progress.say('stopping …');
    await supervisor.stop();
    await stopInfrastructure();
    removeEndpoints(home.endpointsFile);
    ports.release();
    guardian.dismiss();
    home.release();
    progress.say('stopped');
  }
}
