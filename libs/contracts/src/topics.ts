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
    { ...passing, name: agentInputTopic, partitions: cells * lanes, writers: 'gateway' },
    { ...kept, name: agentReportsTopic, partitions: cells * lanes, writers: 'agents' },
    { ...passing, name: agentHeartbeatsTopic, partitions: cells * lanes, writers: 'agents' },
    { ...passing, name: agentMetricsTopic, partitions: cells * lanes, writers: 'agents' },
    { ...passing, name: agentLogsTopic, partitions: cells * lanes, writers: 'agents' },
    { ...kept, name: quarantineTopic, partitions: 1, writers: 'relays' },
    { ...kept, name: checkpointsTopic, partitions: 1, writers: 'relays' },
  ];
}
