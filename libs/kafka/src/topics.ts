import type { TopicDeclaration } from '@orrery/contracts';
import kafkajs, { type Admin, type ITopicConfig, type KafkaConfig } from 'kafkajs';
import { Backoff } from './backoff.js';
import { brokerErrorType, ClusterSession, errorsIn } from './cluster-session.js';
import { clusterOptions, type KafkaOptions } from './kafka-options.js';

/** A topic that is there differs from what it must be. Orrery never changes a topic that holds data. */
export class TopicMisconfigured extends Error {
  readonly code = 'topic-misconfigured';

  constructor(
    readonly topic: string,
    readonly setting: string,
    readonly found: string,
    readonly wanted: string,
  ) {
    super(`topic ${topic}: ${setting} is ${found}, must be ${wanted}. ${remedy(topic, setting, wanted)}`);
    this.name = 'TopicMisconfigured';
  }
}

const { ConfigResourceTypes, Kafka, logLevel } = kafkajs;

const REPLICAS_MAX = 3;
const LEADERS_WITHIN_MS = 20_000;

/** Makes the topics of an installation and checks those that are there. */
export class KafkajsTopics {
  readonly #options: KafkaOptions;

  constructor(options: KafkaOptions) {
    this.#options = options;
  }

  /**
   * Creates what is missing, with as many replicas as there are brokers, at most three; resolves when every partition has a
   * leader. Rejects with `TopicMisconfigured` at the first setting of an existing topic that is not as declared.
   */
  async ensureTopics(layout: readonly TopicDeclaration[]): Promise<{ readonly created: readonly string[] }> {
    const admin = new Kafka(adminOptions(this.#options)).admin();
    await admin.connect();
    try {
      const there = new Set(await admin.listTopics());
      const missing = layout.filter(({ name }) => !there.has(name));
      await this.#create(admin, missing);
      await this.#waitForLeaders(layout);
      await checkTopics(admin, layout);
      return { created: missing.map(({ name }) => name) };
    } finally {
      await admin.disconnect();
    }
  }

  /** Another process may create the same topics at the same moment: what matters is that they are right afterwards. */
  async #create(admin: Admin, missing: readonly TopicDeclaration[]): Promise<void> {
    if (missing.length === 0) return;
    const { brokers } = await admin.describeCluster();
    const replicas = Math.min(REPLICAS_MAX, brokers.length);
    const topics = missing.map((declared) => newTopic(declared, replicas));
    try {
      await admin.createTopics({ topics, waitForLeaders: false });
    } catch (error) {
      const failed = errorsIn(error)
        .map(brokerErrorType)
        .filter((type) => type !== 'TOPIC_ALREADY_EXISTS');
      if (failed.length > 0) throw error;
    }
  }

  async #waitForLeaders(layout: readonly TopicDeclaration[]): Promise<void> {
    const session = new ClusterSession(this.#options);
    const deadline = AbortSignal.timeout(LEADERS_WITHIN_MS);
    try {
      for (const { name } of layout) await waitForLeader(session, name, deadline);
    } finally {
      await session.close();
    }
  }
}

async function waitForLeader(session: ClusterSession, topic: string, deadline: AbortSignal): Promise<void> {
  const backoff = new Backoff(deadline);
  for (;;) {
    try {
      await session.leaderOf({ topic, partition: 0 });
      return;
    } catch (error) {
      if (deadline.aborted) throw error;
      await backoff.wait();
    }
  }
}

async function checkTopics(admin: Admin, layout: readonly TopicDeclaration[]): Promise<void> {
  const names = layout.map(({ name }) => name);
  const { topics } = await admin.fetchTopicMetadata({ topics: names });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: names.map((name) => ({ type: ConfigResourceTypes.TOPIC, name })),
  });
  for (const declared of layout) {
    const partitions = topics.find(({ name }) => name === declared.name)?.partitions ?? [];
    const replicas = Math.min(...partitions.map((partition) => partition.replicas.length));
    const entries = resources.find(({ resourceName }) => resourceName === declared.name)?.configEntries ?? [];
    const found = new Map(entries.map(({ configName, configValue }) => [configName, configValue]));
    demand(declared, 'partitions', String(partitions.length), String(declared.partitions));
    for (const [setting, wanted] of Object.entries(settings(declared, replicas))) {
      demand(declared, setting, found.get(setting) ?? 'unset', wanted);
    }
  }
}

function demand({ name }: TopicDeclaration, setting: string, found: string, wanted: string): void {
  const enough = setting === 'min.insync.replicas' ? Number(found) >= Number(wanted) : found === wanted;
  if (!enough) throw new TopicMisconfigured(name, setting, found, wanted);
}

function newTopic(declared: TopicDeclaration, replicas: number): ITopicConfig {
  return {
    topic: declared.name,
    numPartitions: declared.partitions,
    replicationFactor: replicas,
    configEntries: Object.entries(settings(declared, replicas)).map(([name, value]) => ({ name, value })),
  };
}

/**
 * What each topic is made with and checked for. Stored uncompressed, so that no reader can be stopped by a codec that a foreign
 * client chose; a leader that lacks acknowledged records is never elected.
 */
function settings(declared: TopicDeclaration, replicas: number): Record<string, string> {
  const passing = declared.retentionMs >= 0;
  return {
    'cleanup.policy': 'delete',
    'retention.ms': String(declared.retentionMs),
    'retention.bytes': '-1',
    'max.message.bytes': String(declared.maxMessageBytes),
    'message.timestamp.type': declared.timestamps,
    'compression.type': 'uncompressed',
    'min.insync.replicas': replicas >= REPLICAS_MAX ? '2' : '1',
    'unclean.leader.election.enable': 'false',
    // Only whole segments are deleted: without this one a busy topic would keep a gigabyte a partition.
    ...(passing ? { 'segment.ms': String(Math.floor(declared.retentionMs / 2)) } : {}),
  };
}

function adminOptions(options: KafkaOptions): KafkaConfig {
  return {
    ...clusterOptions(options),
    retry: { retries: 8, initialRetryTime: 100, maxRetryTime: 1_000 },
    logLevel: logLevel.NOTHING,
  };
}

function remedy(topic: string, setting: string, wanted: string): string {
  if (setting === 'partitions')
    return 'Use the ORRERY_CELLS and ORRERY_AGENT_LANES it was made with, or another cluster.';
  return `Set it with kafka-configs.sh --alter --topic ${topic} --add-config ${setting}=${wanted}, if that is what you want.`;
}
