import type {
  AgentHistoryRow,
  AuditQuery,
  AuditRow,
  CommandOutcomeRow,
  ProjectionPosition,
  ServiceVersionRow,
  TaskKey,
  TaskStateRow,
} from '@orrery/cassandra';

/** What the gateway reads of the past beside the journals: written by the historian, kept in Cassandra. */
export abstract class History {
  abstract readTask(task: TaskKey, options?: { readonly newest?: number }): Promise<TaskStateRow[]>;
  abstract agentHistory(agent: string, limit?: number): Promise<AgentHistoryRow[]>;
  abstract outcome(commandId: string): Promise<CommandOutcomeRow | undefined>;
  abstract serviceVersions(service: string, generation?: number): Promise<ServiceVersionRow[]>;
  abstract audit(query: AuditQuery): Promise<AuditRow[]>;
  abstract positions(projector: string): Promise<ProjectionPosition[]>;
}
