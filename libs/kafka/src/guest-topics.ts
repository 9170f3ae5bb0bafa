import kafkajs, { type Admin } from 'kafkajs';
import { Backoff } from './backoff.js';
import { brokerErrors, brokerErrorType } from './cluster-session.js';
import { clusterOptions, type KafkaOptions } from './kafka-options.js';

const { ConfigResourceTypes, Kafka } = kafkajs;

const CREATED_WITHIN_MS = 20_000;
const RETRIES = 5;

export interface GuestTopic {
  readonly name: string;
  readonly partitions: readonly GuestPartition[];
}

export interface GuestPartition {
  readonly partition: number;
  /** -1: none, so that nobody can write or read it. */
  readonly leader: number;
  readonly replicas: readonly number[];
  readonly inSync: readonly number[];
}

export interface GuestOffsets {
  readonly partition: number;
  readonly first: string;
  /** The next one to be written. */
  readonly next: string;
}

/** A wish that the brokers refused, with the type of the error in Kafka's protocol. */
export class TopicRefused extends Error {
  constructor(
    readonly topic: string,
    readonly type: string,
    /** What Kafka says about it. */
    why: string,
  ) {
    super(`the brokers refuse ${topic}: ${why} (${type})`);
    this.name = 'TopicRefused';
  }
}

/** Topics of a Kafka that runs as a service: whatever its owner wants, unlike those of Orrery itself. */
export class GuestTopics {
  private constructor(private readonly admin: Admin) {}

  /** Does something with them and lets go of the connection. */
  static async with<Value>(options: KafkaOptions, work: (topics: GuestTopics) => Promise<Value>): Promise<Value> {
    const admin = new Kafka({ ...clusterOptions(options), retry: { retries: RETRIES } }).admin();
    await admin.connect();
    try {
      return await work(new GuestTopics(admin));
    } finally {
      await admin.disconnect();
    }
  }

  /** In the order of their names; those that Kafka keeps for itself only when they are named. */
  async list(names?: readonly string[]): Promise<GuestTopic[]> {
    const wanted = names ?? (await this.admin.listTopics()).filter((name) => !name.startsWith('__'));
    if (wanted.length === 0) return [];
    return this.#refusable(wanted, () => this.#described(wanted));
  }

  async #described(names: readonly string[]): Promise<GuestTopic[]> {
    const { topics } = await this.admin.fetchTopicMetadata({ topics: [...names] });
    return topics
      .map(({ name, partitions }) => ({
        name,
        partitions: partitions
          .map(({ partitionId, leader, replicas, isr }) => ({ partition: partitionId, leader, replicas, inSync: isr }))
          .sort((left, right) => left.partition - right.partition),
      }))
      .sort((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** Settings that are not the defaults of the brokers. */
  async settings(name: string): Promise<Record<string, string>> {
    const resources = [{ type: ConfigResourceTypes.TOPIC, name }];
    const { resources: found } = await this.admin.describeConfigs({ resources, includeSynonyms: false });
    const changed = (found[0]?.configEntries ?? []).filter(
      ({ isDefault, configSource }) => !isDefault && Number(configSource) === 1,
    );
    return Object.fromEntries(changed.map(({ configName, configValue }) => [configName, configValue]));
  }

  async offsets(name: string): Promise<GuestOffsets[]> {
    const found = await this.#refusable([name], () => this.admin.fetchTopicOffsets(name));
    return found
      .map(({ partition, low, high }) => ({ partition, first: low, next: high }))
      .sort((left, right) => left.partition - right.partition);
  }

  /** Resolves to the topic once all its partitions have leaders. */
  async create(
    name: string,
    wish: {
      readonly partitions: number;
      readonly replicas: number;
      readonly settings: Readonly<Record<string, string>>;
    },
  ): Promise<GuestTopic> {
    const configEntries = Object.entries(wish.settings).map(([key, value]) => ({ name: key, value }));
    const topic = { topic: name, numPartitions: wish.partitions, replicationFactor: wish.replicas, configEntries };
    const made = await this.#refusable([name], () =>
      this.admin.createTopics({ topics: [topic], waitForLeaders: false, timeout: CREATED_WITHIN_MS }),
    );
    if (!made) throw new TopicRefused(name, 'TOPIC_ALREADY_EXISTS', 'there is one of that name');
    const deadline = AbortSignal.timeout(CREATED_WITHIN_MS);
    const backoff = new Backoff(deadline);
    for (;;) {
      const seen = await this.#seen(name);
      if (seen?.partitions.every(({ leader }) => leader >= 0) === true) return seen;
      if (deadline.aborted) throw new Error(`${name} is made, and has no leaders after ${CREATED_WITHIN_MS / 1000} s`);
      await backoff.wait();
    }
  }

  /** The controllers have made it; the broker that is asked, another one each time, may not have heard of it yet. */
  async #seen(name: string): Promise<GuestTopic | undefined> {
    try {
      return (await this.#described([name]))[0];
    } catch (error) {
      if (brokerErrorType(error) === 'UNKNOWN_TOPIC_OR_PARTITION') return undefined;
      throw error;
    }
  }

  async delete(name: string): Promise<void> {
    await this.#refusable([name], () => this.admin.deleteTopics({ topics: [name] }));
  }

  async #refusable<Value>(names: readonly string[], ask: () => Promise<Value>): Promise<Value> {
    try {
      return await ask();
    } catch (error) {
      const [refusal] = brokerErrors(error);
      throw refusal === undefined ? error : new TopicRefused(names.join(', '), refusal.type, refusal.message);
    }
  }
}
