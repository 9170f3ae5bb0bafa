import type { types } from 'cassandra-driver';
import type { Statement } from './batches.js';
import type {
  AgentHistoryRow,
  AgentNumberRow,
  AuditRow,
  CommandOutcomeRow,
  ProjectionPosition,
  ServiceVersionRow,
  TaskSetRow,
} from './history-rows.js';
import { boundsOf, decodePieces, encodePieces } from './task-pieces.js';

export function taskSetStatement(row: TaskSetRow): Statement {
  const [first, last] = boundsOf(row.pieces);
  return {
    query: insertTaskSet,
    params: [
      ...[row.service, row.generation, row.pod, row.bucket, row.segment, row.seq, row.n, row.task],
      ...[row.incarnation, first, last, row.cell, row.state, row.ready, row.reason, row.message],
      ...[row.exit?.code, row.exit?.signal, row.exit?.oom, row.late, encodePieces(row.pieces)],
    ],
  };
}

const insertTaskSet = insertInto('task_history', [
  ...['service', 'generation', 'pod', 'bucket', 'segment', 'seq', 'n', 'task'],
  ...['incarnation', 'first_index', 'last_index', 'cell', 'state', 'ready', 'reason', 'message'],
  ...['exit_code', 'exit_signal', 'exit_oom', 'late', 'told'],
]);

export function taskSetOf(row: types.Row): TaskSetRow {
  const exit = present({
    code: optional<number>(row, 'exit_code'),
    signal: optional<string>(row, 'exit_signal'),
    oom: optional<boolean>(row, 'exit_oom'),
  });
  return {
    service: row['service'] as string,
    generation: whole(row, 'generation'),
    pod: row['pod'] as string,
    bucket: row['bucket'] as number,
    segment: row['segment'] as number,
    seq: whole(row, 'seq'),
    n: row['n'] as number,
    task: row['task'] as string,
    incarnation: row['incarnation'] as number,
    cell: row['cell'] as number,
    state: row['state'] as string,
    pieces: decodePieces(row['told'] as Buffer),
    ...present({
      ready: optional<boolean>(row, 'ready'),
      reason: optional<string>(row, 'reason'),
      message: optional<string>(row, 'message'),
      exit: Object.keys(exit).length === 0 ? undefined : exit,
      late: optional<boolean>(row, 'late'),
    }),
  };
}

export function agentNumberStatement({ cell, number, agent }: AgentNumberRow): Statement {
  return { query: insertAgentNumber, params: [cell, number, agent] };
}

const insertAgentNumber = insertInto('agent_numbers', ['cell', 'number', 'agent']);

export function outcomeStatement(row: CommandOutcomeRow): Statement {
  const { refusal } = row;
  return {
    query: insertOutcome,
    params: [
      ...[row.commandId, row.at, row.domain, row.cell, row.seq, row.n, row.outcome, row.commandType, row.subject],
      ...[row.actor, row.reason, refusal?.code, refusal?.message, refusal?.field, refusal?.remedy, row.forwardedTo],
    ],
  };
}

const insertOutcome = insertInto('command_outcomes', [
  ...['command_id', 'at', 'domain', 'cell', 'seq', 'n', 'outcome', 'command_type', 'subject'],
  ...['actor', 'reason', 'code', 'message', 'field', 'remedy', 'forwarded_to'],
]);

export function outcomeOf(row: types.Row): CommandOutcomeRow {
  const code = optional<string>(row, 'code');
  const refusal =
    code === undefined
      ? undefined
      : {
          code,
          message: optional<string>(row, 'message') ?? '',
          ...present({ field: optional<string>(row, 'field'), remedy: optional<string>(row, 'remedy') }),
        };
  return {
    commandId: row['command_id'] as string,
    at: time(row),
    domain: row['domain'] as string,
    cell: row['cell'] as number,
    seq: whole(row, 'seq'),
    n: row['n'] as number,
    outcome: row['outcome'] as CommandOutcomeRow['outcome'],
    commandType: row['command_type'] as string,
    subject: row['subject'] as string,
    ...present({
      actor: optional<string>(row, 'actor'),
      reason: optional<string>(row, 'reason'),
      refusal,
      forwardedTo: optional<number>(row, 'forwarded_to'),
    }),
  };
}

export function serviceVersionStatement(row: ServiceVersionRow): Statement {
  return {
    query: insertServiceVersion,
    params: [
      ...[row.service, row.generation, row.version, row.cell, row.seq, row.at],
      ...[row.actor, row.reason, row.commandId, row.specDigest, row.spec],
    ],
  };
}

const insertServiceVersion = insertInto('service_versions', [
  ...['service', 'generation', 'version', 'cell', 'seq', 'at'],
  ...['actor', 'reason', 'command_id', 'spec_digest', 'spec'],
]);

export function serviceVersionOf(row: types.Row): ServiceVersionRow {
  return {
    service: row['service'] as string,
    generation: whole(row, 'generation'),
    version: row['version'] as number,
    cell: row['cell'] as number,
    seq: whole(row, 'seq'),
    at: time(row),
    specDigest: row['spec_digest'] as string,
    spec: row['spec'] as string,
    ...present({
      actor: optional<string>(row, 'actor'),
      reason: optional<string>(row, 'reason'),
      commandId: optional<string>(row, 'command_id'),
    }),
  };
}

export function agentHistoryStatement(row: AgentHistoryRow): Statement {
  return {
    query: insertAgentHistory,
    params: [
      ...[row.agent, row.seq, row.n, row.at, row.type, row.state, row.epoch],
      ...[row.actor, row.reason, row.cause, row.detail],
    ],
  };
}

const insertAgentHistory = insertInto('agent_history', [
  ...['agent', 'seq', 'n', 'at', 'type', 'state', 'epoch'],
  ...['actor', 'reason', 'cause', 'detail'],
]);

export function agentHistoryOf(row: types.Row): AgentHistoryRow {
  return {
    agent: row['agent'] as string,
    seq: whole(row, 'seq'),
    n: row['n'] as number,
    at: time(row),
    type: row['type'] as string,
    ...present({
      state: optional<string>(row, 'state'),
      epoch: optional<types.Long>(row, 'epoch')?.toNumber(),
      actor: optional<string>(row, 'actor'),
      reason: optional<string>(row, 'reason'),
      cause: optional<string>(row, 'cause'),
      detail: optional<string>(row, 'detail'),
    }),
  };
}

/** In the order of the audit tables' columns behind the bucket. */
export function auditParams(row: AuditRow): unknown[] {
  return [
    ...[row.at, row.journal, row.seq, row.n, row.actor, row.subject, row.type],
    ...[row.reason, row.commandId, row.detail],
  ];
}

export function auditOf(row: types.Row): AuditRow {
  return {
    at: time(row),
    journal: row['journal'] as string,
    seq: whole(row, 'seq'),
    n: row['n'] as number,
    type: row['type'] as string,
    actor: row['actor'] as string,
    subject: row['subject'] as string,
    ...present({
      reason: optional<string>(row, 'reason'),
      commandId: optional<string>(row, 'command_id'),
      detail: optional<string>(row, 'detail'),
    }),
  };
}

export function positionOf(row: types.Row): ProjectionPosition {
  return { journal: row['journal'] as string, seq: whole(row, 'seq'), cursor: row['cursor'] as string };
}

function insertInto(table: string, columns: readonly string[]): string {
  return `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`;
}

function whole(row: types.Row, column: string): number {
  return (row[column] as types.Long).toNumber();
}

function time(row: types.Row): number {
  return (row['at'] as Date).getTime();
}

function optional<T>(row: types.Row, column: string): T | undefined {
  return (row[column] as T | null | undefined) ?? undefined;
}

/** Only what is there: an absent field stays absent. */
function present<T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as never;
}
