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
  type AgentOrder,
  type AgentReport,
  type AllocationEvent,
  type ClusterCommand,
  type ClusterEvent,
  type ServicesEvent,
  type TopicSizes,
} from '@orrery/contracts';
import type { Decoded, Hosting, RelayedMessage, TopicPartition } from '@orrery/control-loop';
import { cluster, currentLaunch, ordersOf, type ClusterInternal, type ClusterState } from '@orrery/domain';
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
    decodeReport: (body, source) => decodeReport(body, source, sizes),
    relay: ({ events, journalId, at }, state) =>
      ordersOf(events as readonly ClusterEvent[], state, { journalId, at }).map((order) => messageOf(order, sizes)),
    owning: (shard) => new LeaseKeeper(shard, sizes, world),
  };
}

/** An agent's id tells its cell. A task is where it is known, else where the hash of its service's name says. */
function cellOf({ body }: ClusterCommand, state: ClusterState, { cells }: TopicSizes): number | undefined {
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
  sizes: TopicSizes,
): Decoded<{ readonly report: AgentReport }> {
  const decoded = decodeAgentReport(body);
  if (!decoded.ok) return decoded;
  const { agent } = decoded.report;
  const own = agentPartition(agent, cellOfAgent(agent), sizes);
  if (own === partition) return decoded;
  const message = `reports of ${agent} belong to partition ${own}, found in ${partition}`;
  return { ok: false, refusal: { code: 'misrouted', message } };
}

const encoder = new TextEncoder();

function messageOf(order: AgentOrder, sizes: TopicSizes): RelayedMessage {
  return {
    topic: agentCommandsTopic,
    partition: agentPartition(order.agent, cellOfAgent(order.agent), sizes),
    key: order.agent,
    value: encoder.encode(JSON.stringify(order)),
  };
}
