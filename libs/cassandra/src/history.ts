import { byPartition } from './batches.js';
import { auditStatements, readAudit } from './audit.js';
import type { CassandraOptions } from './cassandra-options.js';
import { CassandraSession } from './cassandra-session.js';
import type {
  AgentHistoryRow,
  AgentNumberRow,
  AuditQuery,
  AuditRow,
  CommandOutcomeRow,
  ProjectionPosition,
  ProjectorMemory,
  ServiceVersionRow,
  TaskKey,
  TaskSetRow,
  TaskStateRow,
} from './history-rows.js';
import * as rows from './row-mapping.js';
import { bucketOf, statesOf, type StateOfTask } from './task-pieces.js';

const ROWS_MAX = 10_000;
const AGENTS_MAX = 100_000;
const SLICES_A_PAGE = 8;

/**
 * What people ask about: the story of each task, service and agent, what became of each command, who did what. Written by the
 * historian from accepted commits, at least once; rows first, then the position.
 */
export class CassandraHistory {
  readonly #session: CassandraSession;
  readonly #agents = new Map<string, string>();

  constructor(options: CassandraOptions) {
    this.#session = new CassandraSession(options);
  }

  async saveTaskSets(sets: readonly TaskSetRow[]): Promise<void> {
    const partitions = byPartition(sets, ({ service, generation, pod, bucket, segment }) =>
      [service, generation, pod, bucket, segment].join('\n'),
    );
    await this.#session.writePartitions(partitions.map((partition) => partition.map(rows.taskSetStatement)));
  }

  /** The story of one task, oldest first; with `newest`, its last so many states, still oldest first. */
  async readTask(task: TaskKey, options: { readonly newest?: number } = {}): Promise<TaskStateRow[]> {
    const found: { readonly cell: number; readonly told: StateOfTask }[] = [];
    for (let segment = 0; ; segment += 1) {
      const sets = await this.#setsWith(task, segment);
      for (const set of sets) for (const told of statesOf(set, task.index)) found.push({ cell: set.cell, told });
      if (sets.length === 0 && !(await this.#isThere(task, segment))) break;
    }
    found.sort(({ told: left }, { told: right }) => left.state.seq - right.state.seq || left.state.n - right.state.n);
    const wanted = found.slice(-(options.newest ?? ROWS_MAX));
    return Promise.all(
      wanted.map(async ({ cell, told: { state, agent } }) => {
        const name = await this.#agentOf(cell, agent);
        return name === undefined ? state : { ...state, agent: name };
      }),
    );
  }

  /** Rows of a segment that may tell of the task. Filtered where they are: within one partition that is no more than a scan. */
  async #setsWith(task: TaskKey, segment: number): Promise<TaskSetRow[]> {
    const found = await this.#session.select(
      `SELECT * FROM task_history WHERE service = ? AND generation = ? AND pod = ? AND bucket = ? AND segment = ?
       AND task = ? AND first_index <= ? AND last_index >= ? ALLOW FILTERING`,
      [...partitionOf(task, segment), task.task, task.index, task.index],
    );
    return found.map(rows.taskSetOf);
  }

  async #isThere(task: TaskKey, segment: number): Promise<boolean> {
    const found = await this.#session.select(
      'SELECT n FROM task_history WHERE service = ? AND generation = ? AND pod = ? AND bucket = ? AND segment = ? LIMIT 1',
      partitionOf(task, segment),
    );
    return found.length > 0;
  }

  async saveAgentNumbers(numbers: readonly AgentNumberRow[]): Promise<void> {
    const partitions = byPartition(numbers, ({ cell }) => String(cell));
    await this.#session.writePartitions(partitions.map((partition) => partition.map(rows.agentNumberStatement)));
  }

  /** Numbers are for ever: what was read once is known. */
  async #agentOf(cell: number, number: number): Promise<string | undefined> {
    const key = `${cell}/${number}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const [row] = await this.#session.select('SELECT agent FROM agent_numbers WHERE cell = ? AND number = ?', [
      ...[cell, number],
    ]);
    const agent = row?.['agent'] as string | undefined;
    if (this.#agents.size >= AGENTS_MAX) this.#agents.clear();
    if (agent !== undefined) this.#agents.set(key, agent);
    return agent;
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
    await this.#session.writePartitions(versions.map((version) => [rows.serviceVersionStatement(version)]));
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

  /** To be kept before the position that needs it. */
  async saveMemory(projector: string, { journal, seq, slices }: ProjectorMemory): Promise<void> {
    await this.#session.executeAll(
      slices.map((bytes, slice) => ({
        query: 'INSERT INTO projector_memory (projector, journal, seq, slice, bytes) VALUES (?, ?, ?, ?, ?)',
        params: [projector, journal, seq, slice, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)],
      })),
    );
  }

  /** All slices that are there, in order. */
  async memory(projector: string, journal: string, seq: number): Promise<Uint8Array[]> {
    const found = await this.#session.select(
      'SELECT bytes FROM projector_memory WHERE projector = ? AND journal = ? AND seq = ?',
      [projector, journal, seq],
      { fetchSize: SLICES_A_PAGE },
    );
    return found.map((row) => row['bytes'] as Buffer);
  }

  async forgetMemoryBefore(projector: string, journal: string, seq: number): Promise<void> {
    await this.#session.execute({
      query: 'DELETE FROM projector_memory WHERE projector = ? AND journal = ? AND seq < ?',
      params: [projector, journal, seq],
    });
  }

  close(): Promise<void> {
    return this.#session.close();
  }
}

function partitionOf({ service, generation, pod, index }: TaskKey, segment: number): unknown[] {
  return [service, generation, pod, bucketOf(index), segment];
}
