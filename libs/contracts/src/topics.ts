import { domainNames, type DomainName } from './ids.js';

/** A topic is declared once, here: its name, its size, what it keeps, who writes it. */
export interface TopicDeclaration {
  readonly name: string;
  readonly partitions: number;
  /** -1: for ever. */
  readonly retentionMs: number;
  readonly maxMessageBytes: number;
  /** `LogAppendTime`: the broker's clock stamps each message, which is what leases and `at` are held against. */
  readonly timestamps: 'LogAppendTime' | 'CreateTime';
  /** Who may write it: the owner of the partition, relays of accepted commits, agents, or anyone allowed. */
  readonly writers: 'owner' | 'relays' | 'agents' | 'gateway' | 'anyone';
  /** Its writers use this client id, and each broker takes no more than this from all of them together. */
  readonly quota?: ClientQuota;
}

/** A producer quota of Kafka. */
export interface ClientQuota {
  readonly clientId: string;
  readonly bytesPerSecond: number;
}

export interface TopicSizes {
  /** Partitions of every domain topic. Fixed when the topics are made. */
  readonly cells: number;
  /** Lanes a cell of every agent topic. Fixed when the topics are made. */
  readonly lanes: number;
}

const MIB = 1024 * 1024;
const FOR_EVER_MS = -1;
const MINUTES_MS = 10 * 60 * 1000;

export const COMMAND_BYTES_MAX = 512 * 1024;
export const COMMIT_BYTES_MAX = MIB;

export function commandTopic(domain: DomainName): string {
  return `orrery.${domain}.commands`;
}

export function journalTopic(domain: DomainName): string {
  return `orrery.${domain}.journal`;
}

export const agentCommandsTopic = 'orrery.agents.commands';
export const agentInputTopic = 'orrery.agents.input';
export const agentReportsTopic = 'orrery.agents.reports';
export const agentHeartbeatsTopic = 'orrery.agents.heartbeats';
export const agentMetricsTopic = 'orrery.agents.metrics';
export const agentLogsTopic = 'orrery.agents.logs';
export const quarantineTopic = 'orrery.quarantine';
export const checkpointsTopic = 'orrery.audit.checkpoints';

/**
 * What tasks write and people type may be any amount, and must not slow what the cluster decides. Agents and gateways hold
 * themselves back, each by itself; this holds back all of them together.
 */
const logsQuota: ClientQuota = { clientId: 'orrery-logs', bytesPerSecond: 8 * MIB };
const inputQuota: ClientQuota = { clientId: 'orrery-input', bytesPerSecond: 4 * MIB };

/** Every topic of an installation of this size. */
export function topicLayout({ cells, lanes }: TopicSizes): TopicDeclaration[] {
  const kept = { retentionMs: FOR_EVER_MS, maxMessageBytes: 4 * MIB, timestamps: 'LogAppendTime' } as const;
  const passing = { ...kept, retentionMs: MINUTES_MS };
  return [
    ...domainNames.map((domain) => ({
      ...kept,
      name: commandTopic(domain),
      partitions: cells,
      writers: 'anyone' as const,
    })),
    ...domainNames.map((domain) => ({
      ...kept,
      name: journalTopic(domain),
      partitions: cells,
      maxMessageBytes: 8 * MIB,
      writers: 'owner' as const,
    })),
    { ...kept, name: agentCommandsTopic, partitions: cells * lanes, writers: 'relays' },
    { ...passing, name: agentInputTopic, partitions: cells * lanes, writers: 'gateway', quota: inputQuota },
    { ...kept, name: agentReportsTopic, partitions: cells * lanes, writers: 'agents' },
    { ...passing, name: agentHeartbeatsTopic, partitions: cells * lanes, writers: 'agents' },
    { ...passing, name: agentMetricsTopic, partitions: cells * lanes, writers: 'agents' },
    { ...passing, name: agentLogsTopic, partitions: cells * lanes, writers: 'agents', quota: logsQuota },
    { ...kept, name: quarantineTopic, partitions: 1, writers: 'relays' },
    { ...kept, name: checkpointsTopic, partitions: 1, writers: 'relays' },
  ];
}

/** The quotas that a layout asks for. */
export function quotasOf(layout: readonly TopicDeclaration[]): ClientQuota[] {
  return layout.flatMap(({ quota }) => (quota === undefined ? [] : [quota]));
}

/** Topic → the client id that its quota is for. */
export const quotaClientIds: Readonly<Record<string, string>> = {
  [agentInputTopic]: inputQuota.clientId,
  [agentLogsTopic]: logsQuota.clientId,
};
