import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { logLevel, type ISocketFactory, type KafkaConfig, type LogEntry } from 'kafkajs';
import type { ClusterOptions } from './kafkajs-internals.js';

/** Where the brokers are and how this process shows itself to them. */
export interface KafkaOptions {
  /** `host:port`. */
  readonly brokers: readonly string[];
  readonly clientId: string;
  /** Client ids, by topic, under which these topics are published: what a quota holds back is then nothing else. */
  readonly clientIds?: Readonly<Record<string, string>>;
  readonly ssl?: NonNullable<KafkaConfig['ssl']>;
  readonly sasl?: NonNullable<KafkaConfig['sasl']>;
  /** Takes what the client has to say; nothing is printed without it. */
  readonly logger?: KafkaLogger;
  /**
   * What is read at the end of a log is followed by so long a rest: for who is in no hurry, and has thousands of commits a minute
   * come to it in fewer and larger answers.
   */
  readonly restMs?: number;
  /** Told when the brokers stop answering and when they answer again. */
  readonly onReachable?: (reachable: boolean, reason?: Error) => void;
}

export type KafkaLogger = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;

const CONNECTION_TIMEOUT_MS = 2_000;
const REQUEST_TIMEOUT_MS = 6_000;

/** The settings of every kafkajs client of this library: no retries of its own, since each caller has a rule for them. */
export function clusterOptions(options: KafkaOptions): ClusterOptions {
  const brokers = [...options.brokers].sort(() => Math.random() - 0.5);
  return {
    brokers,
    clientId: options.clientId,
    connectionTimeout: CONNECTION_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    retry: { retries: 0, initialRetryTime: 50 },
    socketFactory: openSocket,
    logLevel: options.logger === undefined ? logLevel.NOTHING : logLevel.WARN,
    logCreator: () => (entry) => passOn(entry, options.logger),
    ...(options.ssl === undefined ? {} : { ssl: options.ssl }),
    ...(options.sasl === undefined ? {} : { sasl: options.sasl }),
  };
}

/** As that of kafkajs, and without Nagle's delay. */
const openSocket: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const socket =
    typeof ssl === 'object' && ssl !== null
      ? connectTls({ host, port, servername: host, ...ssl }, onConnect)
      : connectTcp({ host, port }, onConnect);
  socket.setKeepAlive(true, 60_000);
  socket.setNoDelay(true);
  return socket;
};

/** kafkajs calls each lost connection and each rebalance an error; whoever asked is told, and knows what it means. */
function passOn(entry: LogEntry, logger: KafkaLogger | undefined): void {
  const { message, timestamp: _timestamp, logger: _name, stack: _stack, ...fields } = entry.log;
  logger?.('debug', message, { client: 'kafkajs', part: entry.namespace, ...fields });
}
