import { availableParallelism, totalmem } from 'node:os';
import { declarationsFor, type Declarations } from './agent-declarations.js';
import { loopback } from './ports.js';
import type { Settings } from './settings.js';

/** What Kafka, Cassandra and the processes of the plane themselves need of the machine. */
const PLANE_MEMORY_MIB = 3072;
const AGENT_MEMORY_MIB_MIN = 1024;
const AGENT_DISK_MIB = 10_240;
const ZONES = 3;

/** A service that asks for no port by number gets one of a block that no other cluster on this machine uses. */
export const portBlocks = { first: 2000, last: 6999, size: 200 } as const;
/** A service that asks for a port by number may have one of these as well. */
const byNumber = { first: 7000, last: 31_999 } as const;

type Range = readonly [first: number, last: number];

/** Where an agent can be reached, and what it says that it has (the JSON of ORRERY_AGENT_RESOURCES). */
export interface AgentOffer {
  readonly address: string;
  readonly resources: object;
  /** Of its disks, to be made. */
  readonly folders: readonly string[];
}

export interface PortsOfHome {
  /** First port of the block of this home. */
  readonly block: number;
  /** What the cluster itself uses on the first address. */
  readonly inUse: readonly number[];
}

/** The offers of all agents of this home. */
export function agentOffers(settings: Settings, ports: PortsOfHome, declared: Declarations): readonly AgentOffer[] {
  const agents = settings.cells * declared.agentsPerCell;
  // Every core, since cpu is shared by weight and the agents play machines of their own; memory is not elastic.
  const cpus = availableParallelism();
  const memory = Math.max(AGENT_MEMORY_MIB_MIN, Math.floor((totalMib() - PLANE_MEMORY_MIB) / agents));
  return Array.from({ length: agents }, (_, index) => {
    const hostname = `agent-${index}`;
    const own = declarationsFor(hostname, settings.home, declared);
    return {
      address: haveOwnAddresses ? `127.0.${Math.floor(index / 250)}.${(index % 250) + 1}` : loopback,
      resources: {
        cpus,
        memory,
        disk: AGENT_DISK_MIB,
        ports: haveOwnAddresses ? portsOnOwnAddress(ports, index) : portsOnSharedAddress(ports, index, agents),
        ...own,
        hostname,
        region: 'local',
        zone: `zone-${(index % ZONES) + 1}`,
      },
      folders: (own.disks ?? []).map(({ path }) => path),
    };
  });
}

/** On Linux all of 127.0.0.0/8 is the loopback, so that each agent looks like a machine of its own. */
const haveOwnAddresses = process.platform === 'linux';

function portsOnOwnAddress({ block, inUse }: PortsOfHome, index: number): readonly Range[] {
  return [[block, block + portBlocks.size - 1], ...rangesByNumber(index === 0 ? inUse : [])];
}

/** Where all agents have one address, a port belongs to one of them only. */
function portsOnSharedAddress({ block, inUse }: PortsOfHome, index: number, agents: number): readonly Range[] {
  const share = Math.max(1, Math.floor(portBlocks.size / agents));
  const first = block + index * share;
  return [[first, first + share - 1], ...(index === 0 ? rangesByNumber(inUse) : [])];
}

function rangesByNumber(inUse: readonly number[]): readonly Range[] {
  const ranges: Range[] = [];
  let first: number = byNumber.first;
  for (const port of [...inUse, byNumber.last + 1].sort((a, b) => a - b)) {
    if (port < first || port > byNumber.last + 1) continue;
    if (port > first) ranges.push([first, port - 1]);
    first = port + 1;
  }
  return ranges;
}

function totalMib(): number {
  return Math.floor(totalmem() / 1024 / 1024);
}
