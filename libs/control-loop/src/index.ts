export { hostDecider, type ControlLoop } from './host.js';
export {
  followJournals,
  type FollowedRecord,
  type FollowedSource,
  type FollowerOptions,
  type FollowerPorts,
  type FollowerStart,
  type JournalFollower,
  type Positions,
} from './follower.js';
export { healthOf, JournalServer, type LoopHealth } from './journal-server.js';
export {
  auditJournal,
  type AuditOptions,
  type AuditReport,
  type SnapshotFinding,
  type VoidFinding,
} from './journal/audit.js';
export { sha256 } from './journal/hash.js';
export {
  anchorFault,
  journalProtocol,
  JournalStopped,
  judge,
  meaningOfAck,
  type AckMeaning,
  type AckRule,
  type AnchorRule,
  type JournalProtocol,
  type JournalRules,
  type Judge,
  type JudgedMessage,
  type StopReason,
  type Verdict,
  type VoidReason,
} from './journal/judge.js';
export { foldUpTo, type Cut, type FoldedPast, type PastPorts } from './past.js';
export { acceptedPosition, encodePosition, startOf } from './journal/position.js';
export { provisionJournal, type Provisioning } from './journal/provision.js';
export { encodeCommit, encodeRecord } from './journal/records.js';
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
export type { AlarmCode, LoopObserver, LoopSignal } from './ports/observer.js';
export type { OwnershipHint } from './ports/ownership-hint.js';
export type { Random } from './ports/random.js';
export type { Shard, SnapshotManifest, SnapshotStore } from './ports/snapshot-store.js';
export type {
  AcceptedCommit,
  Decoded,
  Hosting,
  JournalAddress,
  OwnedShard,
  OwnedShardGuest,
  RelayedMessage,
} from './shard/hosting.js';
export {
  redecideJournal,
  type Difference,
  type RedecideOptions,
  type RedecidePorts,
  type RedecideReport,
} from './redecide.js';
export type { LoopPorts, LoopSettings } from './shard/settings.js';
export type { ShardState, ShardStatus } from './shard/shard-state.js';

export { ShardFold, type Folding } from './state/shard-fold.js';
export { snapshotsToDelete } from './snapshots/thinning.js';
export { systemClock, systemRandom } from './system.js';
