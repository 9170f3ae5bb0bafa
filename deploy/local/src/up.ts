import { declarationsIn, type Declarations } from './agent-declarations.js';
import { agentOffers, portBlocks, type PortsOfHome } from './agent-offers.js';
import { clusterProcesses } from './cluster-processes.js';
import { removeEndpoints, writeEndpoints, type Endpoints } from './endpoints.js';
import { applyFirstService } from './first-service.js';
import { guardHome } from './guardian.js';
import { Home } from './home.js';
import { startInfrastructure, type Infrastructure, type InfrastructureSurroundings } from './infrastructure.js';
import { loopback, Ports } from './ports.js';
import type { Progress } from './progress.js';
import { provisionCassandra, provisionJournals, provisionKafka } from './provision.js';
import { gatewayReady } from './readiness.js';
import { rememberDeclarations } from './remembered-declarations.js';
import { RememberedPorts } from './remembered-ports.js';
import type { Settings } from './settings.js';
import type { StopSignals } from './stop-signals.js';
import { Supervisor } from './supervisor.js';

const GATEWAY_READY_WITHIN_MS = 240_000;

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
  const launch = newLaunch(home, settings, progress, stopped.signal);
  try {
    await startCluster(launch);
    const applied = settings.simulate
      ? undefined
      : await applyFirstService(home, launch.endpoints!.gateway, stopped.signal);
    if (applied !== undefined) progress.say(`applied service ${applied} (deploy/local/hello.yaml)`);
    ready(launch.endpoints!, launch.supervisor);
    await stopped.told;
  } catch (error) {
    if (!stopped.signal.aborted) throw error;
  } finally {
    progress.say('stopping …');
    await launch.supervisor.stop();
    await launch.infrastructure?.stop();
    removeEndpoints(home.endpointsFile);
    launch.ports.release();
    guardian.dismiss();
    home.release();
    progress.say('stopped');
  }
}

interface Launch extends Omit<InfrastructureSurroundings, 'deletableTopics'> {
  readonly home: Home;
  readonly declared: Declarations;
  infrastructure?: Infrastructure;
  /** Known, and written for clients, before the first process of the plane starts. */
  endpoints?: Omit<Endpoints, 'processes'>;
}

function newLaunch(home: Home, settings: Settings, progress: Progress, signal: AbortSignal): Launch {
  const supervisor = new Supervisor({
    logFolder: home.logFolder,
    record: (running) => {
      home.record(running);
      if (launch.endpoints !== undefined) writeEndpoints(home.endpointsFile, launch.endpoints, running);
    },
    say: progress.say,
  });
  const remembered = new RememberedPorts(home.folder);
  const { agents } = settings.declared;
  const declared = settings.simulate
    ? declarationsIn({ ...(agents === undefined ? {} : { agents }) })
    : rememberDeclarations(home.folder, settings.declared, progress.say);
  const launch: Launch = { home, declared, settings, supervisor, ports: new Ports(), remembered, progress, signal };
  return launch;
}

async function startCluster(launch: Launch): Promise<void> {
  const { home, settings, supervisor, ports, progress, signal, declared } = launch;
  const secretsFolder = declared.secrets ?? home.secretsFolder;
  await assertKept(secretsFolder);
  launch.infrastructure = await startInfrastructure(
    { ...launch, deletableTopics: false },
    {
      kafka: (brokers) => progress.during('topics', () => provisionKafka(settings, brokers, progress.say)),
      cassandra: (nodes) => progress.during('keyspace', () => provisionCassandra(settings, nodes)),
    },
  );
  const { kafka, cassandra } = launch.infrastructure;
  await progress.during('journals', () => provisionJournals(settings, { kafka, cassandra }));

  const gatewayPort = await ports.choose(settings.gatewayPort);
  const gateway = `http://${loopback}:${gatewayPort}`;
  launch.endpoints = { gateway, kafka, cassandra, datacenter: settings.datacenter, keyspace: settings.keyspace };
  writeEndpoints(home.endpointsFile, launch.endpoints, supervisor.running);
  const offers = settings.simulate ? [] : agentOffers(settings, portsOfAgents(launch, gatewayPort), declared);
  const addresses = { kafka, cassandra, gatewayPort, agentsPerCell: declared.agentsPerCell, offers, secretsFolder };
  const processes = clusterProcesses(settings, addresses);
  for (const spec of processes) await supervisor.start(spec);
  const stillWorthIt = () => supervisor.assertStarting();
  await progress.during(`gateway at ${gateway}`, () =>
    gatewayReady(gateway, { withinMs: GATEWAY_READY_WITHIN_MS, signal, stillWorthIt }),
  );
}

/** Agents would end with the same words, one after the other and again and again. */
async function assertKept(secretsFolder: string): Promise<void> {
  const { SecretFolder } = await import('@orrery/runtimes');
  new SecretFolder(secretsFolder);
}

function portsOfAgents({ ports, remembered }: Launch, gatewayPort: number): PortsOfHome {
  const block = ports.chooseBlock(remembered.get('agents'), portBlocks);
  remembered.put('agents', block);
  return { block, inUse: [...remembered.all(), gatewayPort] };
}
