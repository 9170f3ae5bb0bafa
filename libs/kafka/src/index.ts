export { LogRefusal, ReadFailed } from './broker-errors.js';
export { BrokerAway } from './cluster-session.js';
export type { KafkaLogger, KafkaOptions } from './kafka-options.js';
export { KafkajsLog } from './kafkajs-log.js';
