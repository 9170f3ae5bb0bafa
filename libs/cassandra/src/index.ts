export type { CassandraLogger, CassandraOptions } from './cassandra-options.js';
export { CassandraAway, CassandraSession } from './cassandra-session.js';
export { CassandraHistory } from './history.js';
export type {
  AgentHistoryRow,
  AgentNumberRow,
  AuditQuery,
  AuditRow,
  CommandOutcomeRow,
  ProjectionPosition,
  ProjectorMemory,
  ServiceVersionRow,
  StateTold,
  TaskKey,
  TaskPieces,
  Tellings,
  TaskSetRow,
  TaskStateRow,
} from './history-rows.js';
export { ensureKeyspace } from './keyspace.js';
export { cassandraOfOwner, type CassandraOfOwner } from './owner-ports.js';
export { CassandraRegistry } from './registry.js';
export { CassandraSnapshots } from './snapshots.js';
export { bucketOf, PODS_A_BUCKET, statesOf } from './task-pieces.js';
