import { byPartition, type Statement } from './batches.js';
import type { CassandraSession } from './cassandra-session.js';
import type { AuditQuery, AuditRow } from './history-rows.js';
import { auditOf, auditParams } from './row-mapping.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const ROWS = 100;

interface AuditTable {
  readonly name: string;
  /** Partition columns before the bucket, and their values. */
  readonly columns: readonly ('actor' | 'subject')[];
  readonly bucket: 'day' | 'month';
  /** How far back a query without `from` looks. */
  readonly backMs: number;
}

const byDay: AuditTable = { name: 'audit_by_day', columns: [], bucket: 'day', backMs: 31 * DAY_MS };
const byActor: AuditTable = { name: 'audit_by_actor', columns: ['actor'], bucket: 'month', backMs: 366 * DAY_MS };
const bySubject: AuditTable = { name: 'audit_by_subject', columns: ['subject'], bucket: 'month', backMs: 366 * DAY_MS };

/** The same row for each of the three questions, by partition. */
export function auditStatements(audit: readonly AuditRow[]): Statement[][] {
  return [byDay, byActor, bySubject].flatMap((table) => {
    const partitionOf = (row: AuditRow): string =>
      [...table.columns.map((column) => row[column]), bucketOf(table, row.at)].join('\n');
    return byPartition(audit, partitionOf).map((rows) => rows.map((row) => insert(table, row)));
  });
}

/** Newest first. Looks into one bucket after the other until it has enough or is before `from`. */
export async function readAudit(session: CassandraSession, query: AuditQuery): Promise<AuditRow[]> {
  const table = query.subject !== undefined ? bySubject : query.actor !== undefined ? byActor : byDay;
  const to = query.to ?? Date.now() + DAY_MS;
  const from = query.from ?? to - table.backMs;
  const limit = query.limit ?? ROWS;
  const found: AuditRow[] = [];
  let after: AuditPosition = query.after ?? { at: to, ...behindAll };
  for (const bucket of buckets(table, from, after.at)) {
    for (;;) {
      const page = await readPage(session, table, { query, bucket, from, after, limit });
      found.push(...page.filter((row) => query.actor === undefined || row.actor === query.actor));
      if (found.length >= limit) return found.slice(0, limit);
      if (page.length < limit) break;
      after = page.at(-1)!;
    }
  }
  return found;
}

type AuditPosition = Pick<AuditRow, 'at' | 'journal' | 'seq' | 'n'>;

const behindAll = { journal: '\uffff', seq: Number.MAX_SAFE_INTEGER, n: 0x7fff_ffff };

async function readPage(
  session: CassandraSession,
  table: AuditTable,
  page: {
    readonly query: AuditQuery;
    readonly bucket: string;
    readonly from: number;
    readonly after: AuditPosition;
    readonly limit: number;
  },
): Promise<AuditRow[]> {
  const partition = [...table.columns, table.bucket].map((column) => `${column} = ?`).join(' AND ');
  const rows = await session.select(
    `SELECT * FROM ${table.name} WHERE ${partition} AND (at, journal, seq, n) < (?, ?, ?, ?) AND (at) >= (?) LIMIT ?`,
    [
      ...table.columns.map((column) => page.query[column]),
      page.bucket,
      ...[page.after.at, page.after.journal, page.after.seq, page.after.n],
      page.from,
      page.limit,
    ],
  );
  return rows.map(auditOf);
}

function insert(table: AuditTable, row: AuditRow): Statement {
  return {
    query: `INSERT INTO ${table.name} (${table.bucket}, at, journal, seq, n, actor, subject, type, reason, command_id, detail)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    params: [bucketOf(table, row.at), ...auditParams(row)],
  };
}

function bucketOf({ bucket }: AuditTable, at: number): string {
  return new Date(at).toISOString().slice(0, bucket === 'day' ? 10 : 7);
}

function* buckets(table: AuditTable, from: number, to: number): Generator<string> {
  let last = '';
  for (let at = to; at > from - DAY_MS; at -= DAY_MS) {
    const bucket = bucketOf(table, Math.max(at, from));
    if (bucket !== last) yield bucket;
    last = bucket;
  }
}
