/**
 * Snapshots of a shard, each of exactly one seq. Slices are addressed by their digest and written once; the manifest is
 * written last and is what makes a snapshot exist. Implemented by `@orrery/cassandra` and in memory by `@orrery/testing`.
 */
export interface SnapshotStore {
  /** Writes a slice unless one of this digest is there. `digest` = sha256 of the bytes, hex. */
  putSlice(shard: Shard, digest: string, bytes: Uint8Array): Promise<void>;
  getSlice(shard: Shard, digest: string): Promise<Uint8Array | undefined>;
  putManifest(manifest: SnapshotManifest): Promise<void>;
  /** Newest first; `atOrBefore` leaves out manifests of a later commit time, for reads of the past. */
  listManifests(
    shard: Shard,
    options?: { readonly limit?: number; readonly atOrBefore?: number },
  ): Promise<SnapshotManifest[]>;
  /** Deletes a manifest, and its slices that no other manifest of the shard lists. */
  deleteManifest(shard: Shard, journalId: string, seq: number): Promise<void>;
}

export interface Shard {
  /** `cluster`, `allocation`, `services`. */
  readonly domain: string;
  readonly cell: number;
}

export interface SnapshotManifest extends Shard {
  readonly journalId: string;
  readonly seq: number;
  /** Commit time of seq. */
  readonly at: number;
  readonly foldVersion: number;
  /** sha256 over the cursor and the digests of all slices in order, hex: equal for equal prefixes, whoever took it. */
  readonly digest: string;
  /** The journal cursor after seq, canonical JSON. */
  readonly cursor: string;
  readonly slices: readonly { readonly part: string; readonly digest: string; readonly bytes: number }[];
}
