import {
  agentCommandsTopic,
  agentPartition,
  agentPartitionsOfCell,
  agentReportSchemas,
  agentReportsTopic,
  cellOfAgent,
  cellOfName,
  clusterCommandSchemas,
  decodeAgentReport,
  decodeCommand,
  parseTaskId,
  prepareShapes,
  type AgentId,
  type AgentReport,
  type AllocationEvent,
  type ClusterCommand,
  type ClusterEvent,
  type ServicesEvent,
  type TopicSizes,
} from '@orrery/contracts';
import type { Decoded, Hosting, RelayedMessage, TopicPartition } from '@orrery/control-loop';
import {
  cluster,
  currentLaunch,
  gatheredReports,
  ordersOf,
  type ClusterInternal,
  type ClusterState,
  type RelayedOrder,
} from '@orrery/domain';
import { LeaseKeeper, type LeaseWorld } from './lease-keeper.js';

type ClusterHosting = Hosting<
  ClusterCommand,
  ServicesEvent | AllocationEvent,
  AgentReport,
  ClusterInternal,
  ClusterState,
  ClusterEvent
>;

/** What the master owns: the cluster journal, fed by agents and the two other journals, and told to agents. */
export function clusterHosting(sizes: TopicSizes, world: LeaseWorld): ClusterHosting {
  prepareShapes(agentReportSchemas);
  prepareShapes(clusterCommandSchemas);
  const partitionOf = partitions(sizes);
  const numbered = new Numbered();
  return {
    domain: 'cluster',
    decider: cluster,
    decodeCommand: (name, version, body) => decodeCommand('cluster', name, version, body),
    cellOf: (command, _subject, state) => cellOf(command, state, sizes),
    foreign: (cell) => [
      { domain: 'services', cell },
      { domain: 'allocation', cell },
    ],
    reports: (cell) => agentPartitionsOfCell(cell, sizes).map((partition) => ({ topic: agentReportsTopic, partition })),
    decodeReport: (body, source) => decodeReport(body, source, partitionOf),
    gathering: gatheredReports,
    relay: ({ events, journalId, at }, state) => {
      const context = { journalId, at, partitionOf, partitions: numbered.of(journalId) };
      return ordersOf(events as readonly ClusterEvent[], state, context).map(messageOf);
    },
    owning: (shard) => new LeaseKeeper(shard, sizes, world),
  };
}

/** An agent's id tells its cell. A task is where it is known, else where the hash of its service's name says. */
function cellOf({ body }: ClusterCommand, state: ClusterState, { cells }: TopicSizes): number | undefined {
  // A scheduler launches where it was granted places.
  if ('scheduler' in body) return undefined;
  if ('agent' in body) {
    const cell = cellOfAgent(body.agent);
    return cell < cells ? cell : undefined;
  }
  const service = parseTaskId(body.task)?.service;
  if (service === undefined || currentLaunch(state, body.task) !== undefined) return undefined;
  return cellOfName(service, cells);
}

/** Reports of one agent count in the order of one partition: on any other they are misrouted. */
function decodeReport(
  body: unknown,
  { partition }: TopicPartition,
  partitionOf: (agent: AgentId) => number,
): Decoded<{ readonly report: AgentReport }> {
  const decoded = decodeAgentReport(body);
  if (!decoded.ok) return decoded;
  const { agent } = decoded.report;
  const own = partitionOf(agent);
  if (own === partition) return decoded;
  const message = `reports of ${agent} belong to partition ${own}, found in ${partition}`;
  return { ok: false, refusal: { code: 'misrouted', message } };
}

/** Asked for each report and each agent of a set: worked out once for each agent that was ever heard of. */
function partitions(sizes: TopicSizes): (agent: AgentId) => number {
  const known = new Map<AgentId, number>();
  return (agent) => {
    let partition = known.get(agent);
    if (partition === undefined) {
      partition = agentPartition(agent, cellOfAgent(agent), sizes);
      if (known.size < PARTITIONS_KNOWN_MAX) known.set(agent, partition);
    }
    return partition;
  };
}

/** Lanes by number of the agent; each journal numbers its own. */
class Numbered {
  readonly #byJournal = new Map<string, number[]>();

  of(journalId: string): number[] {
    let partitions = this.#byJournal.get(journalId);
    if (partitions === undefined) this.#byJournal.set(journalId, (partitions = []));
    return partitions;
  }
}

/** Whoever reports under ever new names finds no more room. */
const PARTITIONS_KNOWN_MAX = 100_000;

const encoder = new TextEncoder();

/** An order of a lane is for all who read it, so it has no key. */
function messageOf(relayed: RelayedOrder): RelayedMessage {
  const value = encoder.encode(JSON.stringify(relayed.order));
  const { partition } = relayed;
  return { topic: agentCommandsTopic, partition, value, ...('agent' in relayed && { key: relayed.agent }) };
}
