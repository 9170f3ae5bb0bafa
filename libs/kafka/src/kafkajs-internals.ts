import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { KafkaConfig, logLevel } from 'kafkajs';

/**
 * The lower layers of kafkajs that this library stands on: connections, metadata, authentication, request framing. They are
 * reached by deep import, which works because kafkajs has no exports map and its version is pinned exactly. Everything that
 * is assumed about them is in this file.
 */
export interface KafkajsCluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  findBroker(node: { nodeId: string }): Promise<KafkajsBroker>;
  findGroupCoordinator(group: { groupId: string }): Promise<KafkajsBroker>;
  readonly brokerPool: {
    refreshMetadata(topics: readonly string[]): Promise<void>;
    readonly metadata: {
      readonly topicMetadata: readonly {
        readonly topic: string;
        readonly partitionMetadata: readonly { readonly partitionId: number; readonly leader: number }[];
      }[];
    };
  };
}

export interface KafkajsBroker {
  readonly nodeId: number | string;
  readonly connectionPool: { getConnection(index: number): Promise<KafkajsConnection> };
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  joinGroup(request: JoinGroupRequest): Promise<JoinGroupResponse>;
  syncGroup(request: SyncGroupRequest): Promise<{ readonly memberAssignment: Buffer }>;
  heartbeat(request: {
    readonly groupId: string;
    readonly groupGenerationId: number;
    readonly memberId: string;
  }): Promise<unknown>;
  leaveGroup(request: { readonly groupId: string; readonly memberId: string }): Promise<unknown>;
}

export interface JoinGroupRequest {
  readonly groupId: string;
  readonly memberId: string;
  readonly sessionTimeout: number;
  readonly rebalanceTimeout: number;
  readonly groupProtocols: readonly { readonly name: string; readonly metadata: Buffer }[];
}

export interface JoinGroupResponse {
  readonly generationId: number;
  readonly leaderId: string;
  readonly memberId: string;
  /** Only the leader is told the members. */
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
}

export interface SyncGroupRequest {
  readonly groupId: string;
  readonly generationId: number;
  readonly memberId: string;
  readonly groupAssignment: readonly { readonly memberId: string; readonly memberAssignment: Buffer }[];
}

export interface KafkajsConnection {
  isConnected(): boolean;
  send<T>(exchange: WireExchange<T>): Promise<T>;
}

/** One request and how its answer is read, in the form that a kafkajs connection sends. */
export interface WireExchange<T> {
  readonly request: {
    readonly apiKey: number;
    readonly apiVersion: number;
    readonly apiName: string;
    encode(): Promise<unknown>;
  };
  readonly response: {
    decode(payload: Buffer): Promise<T>;
    parse(decoded: T): Promise<T>;
  };
  /** At least the request timeout of the cluster. */
  readonly requestTimeout?: number;
  readonly logResponseError?: boolean;
}

interface ConnectionState extends KafkajsConnection {
  connect(): Promise<boolean>;
  connecting?: Promise<boolean> | undefined;
  connectionStatus: string;
  socket?: Socket;
  chunks: Buffer[];
  bytesBuffered: number;
  bytesNeeded: number;
  readonly requestQueue: { rejectAll(error: Error): void; destroy(): void };
}

interface TopicMetadata {
  readonly topicMetadata: readonly { readonly topicErrorCode: number }[];
}

/** Before each answer. */
const LENGTH_BYTES = 4;

const load = createRequire(import.meta.url);
const Cluster = load('kafkajs/src/cluster') as new (options: object) => KafkajsCluster;
const ConnectionPool = load('kafkajs/src/network/connectionPool') as {
  prototype: { getConnection(this: { pool: ConnectionState[] }, index?: number): Promise<ConnectionState> };
};
const Connection = load('kafkajs/src/network/connection') as {
  prototype: { connect(this: ConnectionState): Promise<boolean> };
};
const { CONNECTION_STATUS } = load('kafkajs/src/network/connectionStatus') as {
  CONNECTION_STATUS: { readonly DISCONNECTED: string };
};
const RequestQueue = load('kafkajs/src/network/requestQueue') as {
  prototype: { scheduleCheckPendingRequests(this: { pending: unknown[] }): void };
};
const metadataResponse = load('kafkajs/src/protocol/requests/metadata/v6/response') as {
  parse(decoded: TopicMetadata): Promise<TopicMetadata>;
};
const { failure, createErrorFromCode } = load('kafkajs/src/protocol/error') as {
  failure(code: number): boolean;
  createErrorFromCode(code: number): Error;
};
const Encoder = load('kafkajs/src/protocol/encoder') as new (size?: number) => { writeBuffer(bytes: Buffer): unknown };
const loggers = load('kafkajs/src/loggers') as {
  createLogger(options: { level: logLevel; logCreator: KafkaConfig['logCreator'] }): unknown;
};

patchConnection();
patchConnectionPool();
patchRequestQueue();
patchMetadata();

export type ClusterOptions = Required<
  Pick<KafkaConfig, 'brokers' | 'clientId' | 'connectionTimeout' | 'requestTimeout' | 'retry' | 'socketFactory'>
> &
  Pick<KafkaConfig, 'ssl' | 'sasl' | 'logLevel' | 'logCreator'>;

/** A fresh cluster: metadata and two lazily opened connections a broker. */
export function openCluster(options: ClusterOptions): KafkajsCluster {
  const { logLevel: level, logCreator, ...rest } = options;
  return new Cluster({
    ...rest,
    logger: loggers.createLogger({ level: level ?? 0, logCreator }),
    enforceRequestTimeout: true,
    allowAutoTopicCreation: false,
    metadataMaxAge: 0,
    maxInFlightRequests: null,
  });
}

/** Bytes made by us in the wrapper that kafkajs frames. */
export function encoded(bytes: Buffer): unknown {
  return new Encoder(bytes.length + 64).writeBuffer(bytes);
}

/** Gives a connection up at once: whoever waits for an answer is told, and the next request opens it anew. */
export function dropConnection(connection: KafkajsConnection, reason: Error): void {
  const state = connection as ConnectionState;
  state.connectionStatus = CONNECTION_STATUS.DISCONNECTED;
  state.requestQueue.rejectAll(reason);
  state.requestQueue.destroy();
  abandon(state.socket);
}

/**
 * A connection that is opened again still holds the beginning of the answer that was cut off, and still listens to its former
 * socket: the next answers are then read from the middle of others.
 */
function patchConnection(): void {
  const connect = Connection.prototype.connect;
  Connection.prototype.connect = function () {
    if (!this.isConnected()) {
      abandon(this.socket);
      this.chunks = [];
      this.bytesBuffered = 0;
      this.bytesNeeded = LENGTH_BYTES;
    }
    return connect.call(this);
  };
}

function abandon(socket: Socket | undefined): void {
  if (socket === undefined) return;
  for (const event of ['data', 'end', 'error', 'timeout']) socket.removeAllListeners(event);
  socket.on('error', () => undefined);
  socket.destroy();
}

/**
 * Two callers that find a connection down both open a socket; the answers of the two are then read as one stream. Here they
 * share the attempt.
 */
function patchConnectionPool(): void {
  ConnectionPool.prototype.getConnection = async function (index = 0) {
    const connection = this.pool[index]!;
    if (!connection.isConnected()) {
      connection.connecting ??= connection.connect().finally(() => (connection.connecting = undefined));
      await connection.connecting;
    }
    return connection;
  };
}

/** Each connection spins on a timer of 1 ms from its first answer on, whether a request is waiting or not. */
function patchRequestQueue(): void {
  const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;
  RequestQueue.prototype.scheduleCheckPendingRequests = function () {
    if (this.pending.length > 0) schedule.call(this);
  };
}

/** One partition without a leader makes all the others of its topic unreachable; here only a topic's own error counts. */
function patchMetadata(): void {
  metadataResponse.parse = async (decoded) => {
    const failed = decoded.topicMetadata.find(({ topicErrorCode }) => failure(topicErrorCode));
    if (failed !== undefined) throw createErrorFromCode(failed.topicErrorCode);
    return decoded;
  };
}
