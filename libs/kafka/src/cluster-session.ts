import type { TopicPartition } from '@orrery/control-loop';
import { clusterOptions, type KafkaOptions } from './kafka-options.js';
import {
  dropConnection,
  openCluster,
  type KafkajsBroker,
  type KafkajsCluster,
  type KafkajsConnection,
  type WireExchange,
} from './kafkajs-internals.js';

/** The broker that should answer could not be asked, or nobody leads the partition now: ask again, later. */
export class BrokerAway extends Error {
  readonly code = 'broker-away';

  constructor(message: string, cause?: unknown) {
    super(cause instanceof Error ? `${message}: ${cause.message}` : message, { cause });
    this.name = 'BrokerAway';
  }
}

/**
 * One set of connections to the brokers and what is known of who leads which partition. Nothing is retried here: every caller
 * has a rule of its own for that. A lost connection is dropped and opened anew by the next request; when not even metadata
 * can be had, everything is dropped.
 */
export class ClusterSession {
  readonly #options: KafkaOptions;
  readonly #leaders = new Map<string, Map<number, number>>();
  #cluster: KafkajsCluster | undefined;
  #refreshing: Promise<unknown> = Promise.resolve();
  readonly #refreshes = new Map<string, Promise<void>>();
  #reachable = true;
  #closed = false;

  constructor(options: KafkaOptions) {
    this.#options = options;
  }

  /** The node that leads the partition; rejects with `BrokerAway` when nobody can say or nobody does. */
  async leaderOf({ topic, partition }: TopicPartition): Promise<number> {
    const known = this.#leaders.get(topic)?.get(partition);
    if (known !== undefined) return known;
    await this.#refresh(topic);
    const leader = this.#leaders.get(topic)?.get(partition);
    if (leader === undefined) throw new BrokerAway(`nobody leads ${topic}-${partition}`);
    return leader;
  }

  /** What was known of the leader turned out to be wrong. */
  forget({ topic, partition }: TopicPartition): void {
    this.#leaders.get(topic)?.delete(partition);
  }

  /**
   * Sends one request to one node over one of its two connections. Rejects with `BrokerAway` when there was no answer; `sent`
   * is called when the request may have left this process.
   */
  async send<T>(nodeId: number, connectionIndex: 0 | 1, exchange: WireExchange<T>, sent?: () => void): Promise<T> {
    const connection = await this.#connection(nodeId, connectionIndex);
    try {
      sent?.();
      const answer = await connection.send(exchange);
      this.#report(true);
      return answer;
    } catch (error) {
      if (brokerErrorType(error) !== undefined) throw error;
      this.#lost(nodeId, error);
      dropConnection(connection, error instanceof Error ? error : new Error(String(error)));
      throw new BrokerAway(`no answer from broker ${nodeId} to ${exchange.request.apiName}`, error);
    }
  }

  /** Runs `use` with the broker that coordinates the group; `topic` is any topic that exists. */
  async withCoordinator<T>(groupId: string, topic: string, use: (broker: KafkajsBroker) => Promise<T>): Promise<T> {
    await this.#refresh(topic);
    try {
      const cluster = await this.#connected();
      const coordinator = await this.#kept(cluster, () => cluster.findGroupCoordinator({ groupId }));
      this.#report(true);
      return await use(coordinator);
    } catch (error) {
      if (brokerErrorType(error) !== undefined) throw error;
      this.#drop(error);
      throw new BrokerAway(`no answer from the coordinator of group ${groupId}`, error);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const cluster = this.#cluster;
    this.#cluster = undefined;
    await cluster?.disconnect();
  }

  async #connection(nodeId: number, index: 0 | 1): Promise<KafkajsConnection> {
    const cluster = await this.#connected();
    try {
      return await this.#kept(cluster, async () => {
        const broker = await cluster.findBroker({ nodeId: String(nodeId) });
        return broker.connectionPool.getConnection(index);
      });
    } catch (error) {
      this.#lost(nodeId, error);
      throw new BrokerAway(`broker ${nodeId} can't be reached`, error);
    }
  }

  async #connected(): Promise<KafkajsCluster> {
    if (this.#closed) throw new BrokerAway('the session is closed');
    const cluster = (this.#cluster ??= openCluster(clusterOptions(this.#options)));
    try {
      await this.#kept(cluster, () => cluster.connect());
      return cluster;
    } catch (error) {
      this.#drop(error);
      throw new BrokerAway(`none of ${this.#options.brokers.join(', ')} can be reached`, error);
    }
  }

  /** One refresh a topic at a time, and one after the other: kafkajs keeps the metadata of the last one only. */
  #refresh(topic: string): Promise<void> {
    const running = this.#refreshes.get(topic);
    if (running !== undefined) return running;
    const refresh = this.#refreshing
      .then(() => this.#askForLeaders(topic))
      .finally(() => this.#refreshes.delete(topic));
    this.#refreshes.set(topic, refresh);
    this.#refreshing = refresh.catch(() => undefined);
    return refresh;
  }

  async #askForLeaders(topic: string): Promise<void> {
    const cluster = await this.#connected();
    try {
      await this.#kept(cluster, () => cluster.brokerPool.refreshMetadata([topic]));
    } catch (error) {
      if (brokerErrorType(error) === undefined) this.#drop(error);
      throw new BrokerAway(`no metadata of ${topic}`, error);
    }
    const metadata = cluster.brokerPool.metadata.topicMetadata.find((candidate) => candidate.topic === topic);
    const led = (metadata?.partitionMetadata ?? []).filter(({ leader }) => leader >= 0);
    this.#leaders.set(topic, new Map(led.map(({ partitionId, leader }) => [partitionId, leader])));
    this.#report(true);
  }

  /** What is opened in a cluster that was dropped meanwhile would stay open for ever. */
  async #kept<T>(cluster: KafkajsCluster | undefined, open: () => Promise<T>): Promise<T> {
    try {
      return await open();
    } finally {
      if (cluster !== undefined && cluster !== this.#cluster) this.#discard(cluster);
    }
  }

  #discard(cluster: KafkajsCluster): void {
    cluster.disconnect().catch((error: unknown) => this.#note('a session did not close', error));
  }

  #lost(nodeId: number, reason: unknown): void {
    for (const partitions of this.#leaders.values()) {
      for (const [partition, leader] of partitions) if (leader === nodeId) partitions.delete(partition);
    }
    this.#report(false, reason);
  }

  #drop(reason: unknown): void {
    const cluster = this.#cluster;
    this.#cluster = undefined;
    this.#leaders.clear();
    if (cluster !== undefined) this.#discard(cluster);
    this.#report(false, reason);
  }

  #report(reachable: boolean, reason?: unknown): void {
    if (this.#closed || reachable === this.#reachable) return;
    this.#reachable = reachable;
    this.#options.onReachable?.(reachable, reason instanceof Error ? reason : undefined);
  }

  #note(message: string, reason: unknown): void {
    this.#options.logger?.('debug', message, { reason: reason instanceof Error ? reason.message : String(reason) });
  }
}

/** The broker answered, with an error code: the connection is fine. kafkajs wraps such errors when it gives up retrying. */
export function brokerErrorType(error: unknown): string | undefined {
  return brokerErrorOf(error)?.type;
}

/** Of an answer about several things, those that brokers refuse; each with its type in Kafka's protocol. */
export function brokerErrors(error: unknown): BrokerError[] {
  return errorsIn(error).flatMap((each) => brokerErrorOf(each) ?? []);
}

/** Answers about several things carry an error for each that went wrong. */
export function errorsIn(error: unknown): unknown[] {
  return error instanceof Error && 'errors' in error && Array.isArray(error.errors) ? error.errors : [error];
}

type BrokerError = Error & { readonly type: string };

function brokerErrorOf(error: unknown): BrokerError | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    if ('type' in cause && typeof cause.type === 'string') return cause as BrokerError;
  }
  return undefined;
}
