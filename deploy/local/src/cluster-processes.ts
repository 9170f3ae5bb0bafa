import { existsSync, mkdirSync } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Settings } from './settings.js';
import type { ProcessSpec } from './supervisor.js';

const OWNERS = ['master', 'allocator', 'service-manager'] as const;
const OWNER_STAGE = 1;
const READER_STAGE = 2;
const AGENT_STAGE = 3;
/** An agent ends its tasks before itself, each with its own grace. */
const AGENT_STOP_GRACE_MS = 30_000;
const STOP_GRACE_MS = 10_000;

/** What Kafka, Cassandra and the processes of the plane themselves need of the machine. */
const PLANE_MEMORY_MIB = 3072;
const AGENT_MEMORY_MIB_MIN = 1024;
const AGENT_DISK_MIB = 10_240;
const ZONES = 3;

export interface ClusterAddresses {
  readonly kafka: readonly string[];
  readonly cassandra: readonly string[];
  readonly gatewayPort: number;
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
    node(settings, { app: 'historian', name: 'historian-0', stage: READER_STAGE }, common, { ORRERY_INSTANCE: '0' }),
    node(settings, { app: 'gateway', name: 'gateway-0', stage: READER_STAGE }, common, {
      ORRERY_INSTANCE: '0',
      ...gatewayPort,
    }),
  ];
  const agents = range(settings.cells * settings.agentsPerCell).map((index) => agent(settings, common, index));
  return [...owners, ...readers, ...agents].filter(({ app }) => isBuilt(settings.root, app));
}

function isBuilt(root: string, app: string): boolean {
  return existsSync(entryPoint(root, app));
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

function agent(settings: Settings, common: NodeJS.ProcessEnv, index: number): ProcessSpec & { readonly app: string } {
  const name = `agent-${index}`;
  const folder = join(settings.home, 'agents', name);
  mkdirSync(folder, { recursive: true });
  const spec = node(settings, { app: 'agent', name, stage: AGENT_STAGE }, common, {
    ORRERY_AGENT_NAME: name,
    ORRERY_AGENT_ADDRESS: agentAddress(index),
    ORRERY_AGENT_CELL: String(Math.floor(index / settings.agentsPerCell)),
    ORRERY_AGENT_DIR: folder,
    ORRERY_AGENT_RESOURCES: JSON.stringify(agentResources(settings, index)),
    // Told to stop, a local agent ends its tasks: `down` leaves nothing running. Killed, it leaves them to its successor.
    ORRERY_AGENT_STOP_TASKS: '1',
  });
  return { ...spec, stopGraceMs: AGENT_STOP_GRACE_MS };
}

/** On Linux all of 127.0.0.0/8 is the loopback, so that each agent looks like a machine of its own. */
function agentAddress(index: number): string {
  if (process.platform !== 'linux') return '127.0.0.1';
  return `127.0.${Math.floor(index / 250)}.${(index % 250) + 1}`;
}

/**
 * What one local agent offers: every core, since cpu is shared by weight and the agents play machines of their own; an equal
 * part of the memory that the plane leaves, since memory is not elastic; ports apart from those of the others, since elsewhere
 * than on Linux they all share one address.
 */
function agentResources(settings: Settings, index: number): object {
  const agents = settings.cells * settings.agentsPerCell;
  const memoryMib = Math.floor(totalmem() / 1024 / 1024) - PLANE_MEMORY_MIB;
  const firstPort = 31_000 + (index % 30) * 1000;
  return {
    cpus: availableParallelism(),
    memory: Math.max(AGENT_MEMORY_MIB_MIN, Math.floor(memoryMib / agents)),
    disk: AGENT_DISK_MIB,
    ports: [[firstPort, firstPort + 999]],
    hostname: `agent-${index}`,
    region: 'local',
    zone: `zone-${(index % ZONES) + 1}`,
  };
}

function node(
  { root }: Settings,
  { app, name, stage }: { readonly app: string; readonly name: string; readonly stage: number },
  common: NodeJS.ProcessEnv,
  own: NodeJS.ProcessEnv,
): ProcessSpec & { readonly app: string } {
  return {
    app,
    name,
    stage,
    stopGraceMs: STOP_GRACE_MS,
    command: () => ({
      file: process.execPath,
      args: ['--enable-source-maps', entryPoint(root, app)],
      cwd: root,
      env: { ...common, ...own },
    }),
  };
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
