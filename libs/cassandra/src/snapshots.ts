import type { Shard, SnapshotManifest, SnapshotStore } from '@orrery/control-loop';
import type { types } from 'cassandra-driver';
import type { CassandraOptions } from './cassandra-options.js';
import { CassandraSession } from './cassandra-session.js';

/** A slice that is there is not written again, unless it is so old that a thinning may be about to delete it. */
const FRESH_MS = 30 * 60 * 1000;
/** Slices written lately may belong to a snapshot whose manifest is yet to come. */
const SLICE_GRACE_MS = 60 * 60 * 1000;

const LIST_MAX = 100_000;
/** A manifest of a large shard has some ten kilobytes. */
const MANIFESTS_A_PAGE = 100;

/**
 * Snapshots in Cassandra. Two processes may take and thin snapshots of one shard at the same moment: a slice is only deleted
 * with the time at which it was seen, so one that is written again meanwhile stays.
 */
export class CassandraSnapshots implements SnapshotStore {
  readonly #session: CassandraSession;
  readonly #sliceGraceMs: number;

  constructor(
    options: CassandraOptions,
    settings: { readonly sliceGraceMs?: number } = {},
    session = new CassandraSession(options),
  ) {
    this.#session = session;
    this.#sliceGraceMs = settings.sliceGraceMs ?? SLICE_GRACE_MS;
  }

  async putSlice(shard: Shard, digest: string, bytes: Uint8Array): Promise<void> {
    const writtenAtMicros = await this.#sliceWrittenAt(shard, digest);
    if (writtenAtMicros !== undefined && ageMs(writtenAtMicros) < FRESH_MS) return;
    await this.#session.execute({
      query: 'INSERT INTO snapshot_slice (domain, cell, digest, bytes) VALUES (?, ?, ?, ?)',
      params: [shard.domain, shard.cell, digest, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)],
    });
  }

  async getSlice(shard: Shard, digest: string): Promise<Uint8Array | undefined> {
    const [row] = await this.#session.select(
      'SELECT bytes FROM snapshot_slice WHERE domain = ? AND cell = ? AND digest = ?',
      [shard.domain, shard.cell, digest],
    );
    return (row?.['bytes'] as Buffer | null | undefined) ?? undefined;
  }

  async putManifest(manifest: SnapshotManifest): Promise<void> {
    await this.#session.execute({
      query: `INSERT INTO snapshot_manifest (domain, cell, at, seq, journal_id, digest, fold_version, cursor, slices)
              VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      params: [
        manifest.domain,
        manifest.cell,
        manifest.at,
        manifest.seq,
        manifest.journalId,
        manifest.digest,
        manifest.foldVersion,
        manifest.cursor,
        JSON.stringify(manifest.slices),
      ],
    });
  }

  async listManifests(
    shard: Shard,
    options: { readonly limit?: number; readonly atOrBefore?: number } = {},
  ): Promise<SnapshotManifest[]> {
    const rows = await this.#session.select(
      `SELECT * FROM snapshot_manifest WHERE domain = ? AND cell = ? AND at <= ? LIMIT ?`,
      [shard.domain, shard.cell, options.atOrBefore ?? Number.MAX_SAFE_INTEGER, options.limit ?? LIST_MAX],
      { fetchSize: MANIFESTS_A_PAGE },
    );
    return rows.map(manifestOf);
  }

  async deleteManifest(shard: Shard, journalId: string, seq: number): Promise<void> {
    const manifests = await this.listManifests(shard);
    const isMeant = (manifest: SnapshotManifest): boolean => manifest.journalId === journalId && manifest.seq === seq;
    const meant = manifests.filter(isMeant);
    const kept = manifests.filter((manifest) => !isMeant(manifest));
    await this.#session.executeAll(
      meant.map(({ at }) => ({
        query: 'DELETE FROM snapshot_manifest WHERE domain = ? AND cell = ? AND at = ? AND seq = ? AND journal_id = ?',
        params: [shard.domain, shard.cell, at, seq, journalId],
      })),
    );
    const stillListed = new Set(kept.flatMap(digestsOf));
    const orphans = new Set(meant.flatMap(digestsOf).filter((digest) => !stillListed.has(digest)));
    for (const digest of orphans) await this.#deleteSlice(shard, digest);
  }

  close(): Promise<void> {
    return this.#session.close();
  }

  async #deleteSlice(shard: Shard, digest: string): Promise<void> {
    const writtenAtMicros = await this.#sliceWrittenAt(shard, digest);
    if (writtenAtMicros === undefined || ageMs(writtenAtMicros) < this.#sliceGraceMs) return;
    await this.#session.execute({
      query: 'DELETE FROM snapshot_slice USING TIMESTAMP ? WHERE domain = ? AND cell = ? AND digest = ?',
      params: [writtenAtMicros, shard.domain, shard.cell, digest],
    });
  }

  async #sliceWrittenAt(shard: Shard, digest: string): Promise<number | undefined> {
    const [row] = await this.#session.select(
      'SELECT WRITETIME(bytes) AS written FROM snapshot_slice WHERE domain = ? AND cell = ? AND digest = ?',
      [shard.domain, shard.cell, digest],
    );
    const written = row?.['written'] as types.Long | null | undefined;
    return written?.toNumber();
  }
}

function ageMs(writtenAtMicros: number): number {
  return Date.now() - writtenAtMicros / 1_000;
}

function manifestOf(row: types.Row): SnapshotManifest {
  return {
    domain: row['domain'] as string,
    cell: row['cell'] as number,
    journalId: row['journal_id'] as string,
    seq: (row['seq'] as types.Long).toNumber(),
    at: (row['at'] as types.Long).toNumber(),
    foldVersion: row['fold_version'] as number,
    digest: row['digest'] as string,
    cursor: row['cursor'] as string,
    slices: JSON.parse(row['slices'] as string) as SnapshotManifest['slices'],
  };
}

function digestsOf({ slices }: SnapshotManifest): string[] {
  return slices.map(({ digest }) => digest);
}
