export { LogRefusal, ReadFailed } from './broker-errors.js';
export { BrokerAway } from './cluster-session.js';
export { GuestTopics, TopicRefused, type GuestOffsets, type GuestPartition, type GuestTopic } from './guest-topics.js';
export type { KafkaLogger, KafkaOptions } from './kafka-options.js';
export { KafkajsLog } from './kafkajs-log.js';
export { kafkaOfOwner, type KafkaOfOwner } from './owner-ports.js';
export { KafkajsOwnershipHint, type OwnershipGroup } from './ownership-hint.js';
export { KafkajsQuotas, type EnsuredQuotas, type QuotaMissing } from './quotas.js';
export { KafkajsTopics, TopicMisconfigured } from './topics.js';
