import { auditStatements, readAudit } from './audit.js';
import type { CassandraOptions } from './cassandra-options.js';
import { byPartition, CassandraSession } from './cassandra-session.js';
import type {
  AgentHistoryRow,
  AuditQuery,
  AuditRow,
  CommandOutcomeRow,
  ProjectionPosition,
  ServiceVersionRow,
  TaskKey,
  TaskStateRow,
} from './history-rows.js';
import * as rows from './row-mapping.js';

const ROWS_MAX = 10_000;

/**
 * What people ask about: the story of each task, service and agent, what became of each command, who did what. Written by the
 * historian from accepted commits, at least once; rows first, then the position.
 */
export class CassandraHistory {
  readonly #session: CassandraSession;

  constructor(options: CassandraOptions) {
    this.#session = new CassandraSession(options);
  }

  async append(states: readonly TaskStateRow[]): Promise<void> {
    const partitions = byPartition(states, ({ service, generation, pod, index }) =>
      [service, generation, pod, rows.bucketOf(index)].join('\n'),
    );
    await this.#session.writePartitions(partitions.map((partition) => partition.map(rows.taskStateStatement)));
  }

  /** The story of one task, oldest first; with `newest`, its last so many states, still oldest first. */
  async readTask(task: TaskKey, options: { readonly newest?: number } = {}): Promise<TaskStateRow[]> {
    const { newest } = options;
    const order = newest === undefined ? '' : 'ORDER BY pod_index DESC, task DESC, seq DESC, n DESC';
    const found = await this.#session.select(
      `SELECT * FROM task_history
       WHERE service = ? AND generation = ? AND pod = ? AND bucket = ? AND segment = ? AND pod_index = ? AND task = ?
       ${order} LIMIT ?`,
      [
        ...[task.service, task.generation, task.pod, rows.bucketOf(task.index), rows.SEGMENT],
        ...[task.index, task.task, newest ?? ROWS_MAX],
      ],
    );
    const states = found.map(rows.taskStateOf);
    return newest === undefined ? states : states.reverse();
  }

  async saveOutcomes(outcomes: readonly CommandOutcomeRow[]): Promise<void> {
    const partitions = byPartition(outcomes, ({ commandId }) => commandId);
    await this.#session.writePartitions(partitions.map((partition) => partition.map(rows.outcomeStatement)));
  }

  /**
   * What became of the command: the first decision on it that was not to forward it. A later message with its id got an answer
   * of its own, and changed nothing.
   */
  async outcome(commandId: string): Promise<CommandOutcomeRow | undefined> {
    const found = await this.#session.select('SELECT * FROM command_outcomes WHERE command_id = ?', [commandId]);
    const outcomes = found.map(rows.outcomeOf);
    return outcomes.find(({ outcome }) => outcome !== 'forwarded') ?? outcomes[0];
  }

  async saveServiceVersions(versions: readonly ServiceVersionRow[]): Promise<void> {
    await this.#session.executeAll(versions.map(rows.serviceVersionStatement));
  }

  /** Of all generations, or of one; the newest first. */
  async serviceVersions(service: string, generation?: number): Promise<ServiceVersionRow[]> {
    const only = generation === undefined ? '' : 'AND generation = ?';
    const found = await this.#session.select(
      `SELECT * FROM service_versions WHERE service = ? ${only}`,
      generation === undefined ? [service] : [service, generation],
    );
    return found.map(rows.serviceVersionOf);
  }

  async saveAgentHistory(history: readonly AgentHistoryRow[]): Promise<void> {
    const partitions = byPartition(history, ({ agent }) => agent);
    await this.#session.writePartitions(partitions.map((partition) => partition.map(rows.agentHistoryStatement)));
  }

  /** Newest first. */
  async agentHistory(agent: string, limit = ROWS_MAX): Promise<AgentHistoryRow[]> {
    const found = await this.#session.select('SELECT * FROM agent_history WHERE agent = ? LIMIT ?', [agent, limit]);
    return found.map(rows.agentHistoryOf);
  }

  async saveAudit(audit: readonly AuditRow[]): Promise<void> {
    await this.#session.writePartitions(auditStatements(audit));
  }

  /** Newest first, at most `limit` rows; the next page starts `after` the last of them. */
  audit(query: AuditQuery): Promise<AuditRow[]> {
    return readAudit(this.#session, query);
  }

  async savePosition(projector: string, { journal, seq, cursor }: ProjectionPosition): Promise<void> {
    await this.#session.execute({
      query: 'INSERT INTO projection_position (projector, journal, seq, cursor, at) VALUES (?, ?, ?, ?, ?)',
      params: [projector, journal, seq, cursor, Date.now()],
    });
  }

  async position(projector: string, journal: string): Promise<ProjectionPosition | undefined> {
    const found = await this.positions(projector);
    return found.find((position) => position.journal === journal);
  }

  async positions(projector: string): Promise<ProjectionPosition[]> {
    const found = await this.#session.select('SELECT * FROM projection_position WHERE projector = ?', [projector]);
    return found.map(rows.positionOf);
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}
