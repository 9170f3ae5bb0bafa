import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentOffer } from './agent-offers.js';
import type { Settings } from './settings.js';
import type { ProcessSpec } from './supervisor.js';

const OWNERS = ['master', 'allocator', 'service-manager'] as const;
const OWNER_STAGE = 1;
const READER_STAGE = 2;
const AGENT_STAGE = 3;
/** An agent ends its tasks before itself, each with its own grace. */
const AGENT_STOP_GRACE_MS = 30_000;
const STOP_GRACE_MS = 10_000;

export interface ClusterAddresses {
  readonly kafka: readonly string[];
  readonly cassandra: readonly string[];
  readonly gatewayPort: number;
  readonly agentsPerCell: number;
  /** One an agent, in their order. */
  readonly offers: readonly AgentOffer[];
  /** One for all of them: they are one machine. */
  readonly secretsFolder: string;
}

/** The processes of the plane and its agents, in the order of their start. */
export function clusterProcesses(settings: Settings, addresses: ClusterAddresses): readonly ProcessSpec[] {
  const common = environment(settings, addresses);
  const owners = OWNERS.flatMap((app) =>
    range(settings.instances).map((instance) =>
      node(settings, { app, name: `${app}-${instance}`, stage: OWNER_STAGE }, common, {
        ORRERY_INSTANCE: String(instance),
      }),
    ),
  );
  const gatewayPort = { ORRERY_PORT: String(addresses.gatewayPort) };
  const readers = [
    {
      ...node(settings, { app: 'historian', name: 'historian-0', stage: READER_STAGE }, common, {
        ORRERY_INSTANCE: '0',
      }),
      behindAfterMs: 10_000,
    },
    node(settings, { app: 'gateway', name: 'gateway-0', stage: READER_STAGE }, common, {
      ORRERY_INSTANCE: '0',
      ...gatewayPort,
    }),
  ];
  const agents = settings.simulate
    ? [fleet(settings, common, addresses.agentsPerCell)]
    : addresses.offers.map((offer, index) =>
        agent(settings, { ...common, ...agentsOf(addresses, index) }, offer, index),
      );
  return [...owners, ...readers, ...agents];
}

function entryPoint(root: string, app: string): string {
  return join(root, 'apps', app, 'dist', 'main.js');
}

function environment(settings: Settings, { kafka, cassandra }: ClusterAddresses): NodeJS.ProcessEnv {
  return {
    ...process.env,
    ORRERY_HOME: settings.home,
    ORRERY_KAFKA: kafka.join(','),
    ORRERY_CASSANDRA: cassandra.join(','),
    ORRERY_DATACENTER: settings.datacenter,
    ORRERY_KEYSPACE: settings.keyspace,
    ORRERY_CELLS: String(settings.cells),
    ORRERY_AGENT_LANES: String(settings.lanes),
    // Their output goes to files.
    NO_COLOR: '1',
  };
}

function agentsOf({ secretsFolder, agentsPerCell }: ClusterAddresses, index: number): NodeJS.ProcessEnv {
  return { ORRERY_AGENT_SECRETS: secretsFolder, ORRERY_AGENT_CELL: String(Math.floor(index / agentsPerCell)) };
}

function agent(settings: Settings, common: NodeJS.ProcessEnv, offer: AgentOffer, index: number): ProcessSpec {
  const name = `agent-${index}`;
  const folder = join(settings.home, 'agents', name);
  for (const each of [folder, ...offer.folders]) mkdirSync(each, { recursive: true });
  const spec = node(settings, { app: 'agent', name, stage: AGENT_STAGE }, common, {
    ORRERY_AGENT_NAME: name,
    ORRERY_AGENT_ADDRESS: offer.address,
    ORRERY_AGENT_DIR: folder,
    ORRERY_AGENT_RESOURCES: JSON.stringify(offer.resources),
    // Told to stop, a local agent ends its tasks: `down` leaves nothing running. Killed, it leaves them to its successor.
    ORRERY_AGENT_STOP_TASKS: '1',
  });
  return { ...spec, stopGraceMs: AGENT_STOP_GRACE_MS };
}

/** Every agent of every cell in one process; ORRERY_SIMULATE says what they are like. */
function fleet(settings: Settings, common: NodeJS.ProcessEnv, agentsPerCell: number): ProcessSpec {
  const name = 'fleet-0';
  const args = ['--simulate', String(settings.cells * agentsPerCell)];
  return node(settings, { app: 'agent', name, stage: AGENT_STAGE, args }, common, { ORRERY_AGENT_NAME: name });
}

interface NodeProcess {
  readonly app: string;
  readonly name: string;
  readonly stage: number;
  readonly args?: readonly string[];
}

function node(
  { root }: Settings,
  { app, name, stage, args = [] }: NodeProcess,
  common: NodeJS.ProcessEnv,
  own: NodeJS.ProcessEnv,
): ProcessSpec {
  return {
    name,
    stage,
    stopGraceMs: STOP_GRACE_MS,
    command: () => ({
      file: process.execPath,
      args: [...nodeFlags(stage), entryPoint(root, app), ...args],
      cwd: root,
      env: { ...common, ...own },
    }),
  };
}

/**
 * What a process holds beyond its state is mostly room for garbage: with these 24 MiB for young objects instead of 48, and two
 * fifths of what lives for old ones. Five processes with 200,000 tasks, a tenth of them restarted: 1,131 → 850 MiB by the latter
 * alone, in one pair of runs. Owners go without: they boot while everybody waits, and collect more often than they can afford
 * then (of ten fail-overs the median took 4.4 s with the flags and 3.6 s without, the worst 5.4 s and 4.3 s). Source maps took
 * 13 MiB of a process that had only loaded its modules, and are for those who work on it.
 */
function nodeFlags(stage: number): readonly string[] {
  const maps = process.env['ORRERY_SOURCE_MAPS'] === '1' ? ['--enable-source-maps'] : [];
  return stage === OWNER_STAGE ? maps : ['--max-semi-space-size=8', '--heap-growing-percent=40', ...maps];
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
