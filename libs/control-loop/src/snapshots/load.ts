import type { JournalPosition } from '@orrery/contracts';
import { sha256 } from '../journal/hash.js';
import { encodePosition } from '../journal/position.js';
import type { Shard, SnapshotManifest, SnapshotStore } from '../ports/snapshot-store.js';
import { digestOf } from '../state/shard-fold.js';

/** What a snapshot is loaded into. */
export interface LoadTarget {
  readonly foldVersion: number;
  readonly parts: readonly { readonly name: string; load(slice: Uint8Array): void; clear(): void }[];
  clear(): void;
}

export interface LoadOptions {
  readonly store: SnapshotStore;
  readonly shard: Shard;
  readonly journalId: string;
  /** Of a commit not later than this. */
  readonly atOrBefore?: number;
  /** Of a seq not higher than this. */
  readonly seqMax?: number;
  onDamaged(message: string): void;
}

/**
 * B1: fills a state with the newest snapshot that is whole, of this journal and of this fold; gives the position it stands
 * at, or nothing when there is none and the fold begins at zero. A damaged one is passed over for the next older.
 */
export async function loadNewestSnapshot(
  target: LoadTarget,
  options: LoadOptions,
): Promise<JournalPosition | undefined> {
  const { store, shard, journalId, atOrBefore, seqMax = Infinity } = options;
  const manifests = await store.listManifests(shard, atOrBefore === undefined ? {} : { atOrBefore });
  for (const manifest of manifests) {
    if (manifest.journalId !== journalId || manifest.foldVersion !== target.foldVersion) continue;
    if (manifest.seq > seqMax) continue;
    const damage = await loadSnapshot(target, manifest, store);
    if (damage === undefined) return JSON.parse(manifest.cursor) as JournalPosition;
    options.onDamaged(`snapshot ${shard.domain}/${shard.cell} of seq ${manifest.seq}: ${damage}`);
    target.clear();
  }
  return undefined;
}

/** Loads one snapshot; says what is wrong with it, if anything. */
async function loadSnapshot(
  target: LoadTarget,
  manifest: SnapshotManifest,
  store: SnapshotStore,
): Promise<string | undefined> {
  const expected = digestOf(
    manifest.cursor,
    manifest.slices.map(({ digest }) => digest),
  );
  if (manifest.digest !== expected) return 'the digest does not cover its slices';
  const cursor = JSON.parse(manifest.cursor) as JournalPosition;
  if (cursor.seq !== manifest.seq || cursor.journalId !== manifest.journalId) return 'the cursor is of another seq';
  if (encodePosition(cursor) !== manifest.cursor) return 'the cursor is not canonical';
  const parts = new Map(target.parts.map((part) => [part.name, part]));
  for (const { part, digest } of manifest.slices) {
    const bytes = await store.getSlice(manifest, digest);
    if (bytes === undefined) return `slice ${digest} is not there`;
    if (sha256(bytes) !== digest) return `slice ${digest} has other bytes`;
    const into = parts.get(part);
    if (into === undefined) return `there is no part ${part}`;
    into.load(bytes);
  }
  return undefined;
}
