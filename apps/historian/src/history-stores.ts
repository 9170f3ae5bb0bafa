import type {
  AgentHistoryRow,
  AgentNumberRow,
  AuditRow,
  CassandraHistory,
  CommandOutcomeRow,
  ProjectionPosition,
  ProjectorMemory,
  ServiceVersionRow,
  TaskSetRow,
} from '@orrery/cassandra';
import { checkpointsTopic, type Checkpoint } from '@orrery/contracts';
import type { Log } from '@orrery/control-loop';
import type { HistoryStore } from './history-writer.js';

/** Rows go to Cassandra, checkpoints to their topic. */
export class HistoryStores implements HistoryStore {
  constructor(
    private readonly history: CassandraHistory,
    private readonly log: Pick<Log, 'publish'>,
  ) {}

  saveTaskSets(rows: readonly TaskSetRow[]): Promise<void> {
    return this.history.saveTaskSets(rows);
  }

  saveAgentNumbers(rows: readonly AgentNumberRow[]): Promise<void> {
    return this.history.saveAgentNumbers(rows);
  }

  saveOutcomes(rows: readonly CommandOutcomeRow[]): Promise<void> {
    return this.history.saveOutcomes(rows);
  }

  saveServiceVersions(rows: readonly ServiceVersionRow[]): Promise<void> {
    return this.history.saveServiceVersions(rows);
  }

  saveAgentHistory(rows: readonly AgentHistoryRow[]): Promise<void> {
    return this.history.saveAgentHistory(rows);
  }

  saveAudit(rows: readonly AuditRow[]): Promise<void> {
    return this.history.saveAudit(rows);
  }

  saveMemory(projector: string, memory: ProjectorMemory): Promise<void> {
    return this.history.saveMemory(projector, memory);
  }

  forgetMemoryBefore(projector: string, journal: string, seq: number): Promise<void> {
    return this.history.forgetMemoryBefore(projector, journal, seq);
  }

  savePosition(projector: string, position: ProjectionPosition): Promise<void> {
    return this.history.savePosition(projector, position);
  }

  async saveCheckpoints(checkpoints: readonly Checkpoint[]): Promise<void> {
    if (checkpoints.length === 0) return;
    const messages = checkpoints.map((checkpoint) => ({
      partition: 0,
      key: `${checkpoint.domain}/${checkpoint.cell}/${checkpoint.seq}`,
      value: Buffer.from(JSON.stringify(checkpoint)),
    }));
    await this.log.publish(checkpointsTopic, messages);
  }
}
