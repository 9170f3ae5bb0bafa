export type { Clock } from './ports/clock.js';
export type { JournalRegistration, JournalRegistry, JournalRepair } from './ports/journal-registry.js';
export {
  AppendInDoubt,
  type Log,
  type LogMessage,
  type LogReader,
  type MessageBatch,
  type OutgoingMessage,
  type TopicPartition,
} from './ports/log.js';
export type { OwnershipHint } from './ports/ownership-hint.js';
export type { Shard, SnapshotManifest, SnapshotStore } from './ports/snapshot-store.js';
