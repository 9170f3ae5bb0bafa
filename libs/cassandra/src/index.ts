export type { CassandraLogger, CassandraOptions } from './cassandra-options.js';
export { CassandraAway } from './cassandra-session.js';
export { CassandraHistory } from './history.js';
export type {
  AgentHistoryRow,
  AuditQuery,
  AuditRow,
  CommandOutcomeRow,
  ProjectionPosition,
  ServiceVersionRow,
  TaskKey,
  TaskStateRow,
} from './history-rows.js';
export { ensureKeyspace } from './keyspace.js';
export { cassandraOfOwner, type CassandraOfOwner } from './owner-ports.js';
export { CassandraRegistry } from './registry.js';
export { CassandraSnapshots } from './snapshots.js';
