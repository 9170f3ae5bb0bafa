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
  const { store, shard, journalId, seqMax = Infinity } = options;
  for await (const manifest of newestFirst(options)) {
    if (manifest.journalId !== journalId || manifest.foldVersion !== target.foldVersion) continue;
    if (manifest.seq > seqMax) continue;
    const damage = await loadSnapshot(target, manifest, store);
    if (damage === undefined) return JSON.parse(manifest.cursor) as JournalPosition;
    options.onDamaged(`snapshot ${shard.domain}/${shard.cell} of seq ${manifest.seq}: ${damage}`);
    target.clear();
  }
  return undefined;
}

/** The newest is nearly always the one; all that were ever kept are listed only when none of the first few is. */
const FIRST_FEW = 4;

async function* newestFirst({ store, shard, atOrBefore }: LoadOptions): AsyncIterable<SnapshotManifest> {
  const before = atOrBefore === undefined ? {} : { atOrBefore };
  const few = await store.listManifests(shard, { ...before, limit: FIRST_FEW });
  yield* few;
  if (few.length < FIRST_FEW) return;
  const seen = new Set(few.map(({ digest }) => digest));
  for (const manifest of await store.listManifests(shard, before)) if (!seen.has(manifest.digest)) yield manifest;
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
  for await (const { part, digest, bytes } of slicesOf(manifest, store)) {
    if (bytes === undefined) return `slice ${digest} is not there`;
    if (sha256(bytes) !== digest) return `slice ${digest} has other bytes`;
    const into = parts.get(part);
    if (into === undefined) return `there is no part ${part}`;
    try {
      into.load(bytes);
    } catch (error) {
      return `part ${part} can't be read by fold version ${target.foldVersion}, another format wrote it: ${(error as Error).message}`;
    }
  }
  return undefined;
}

/** Slices that are asked for while one is being loaded. */
const SLICES_AHEAD = 3;

async function* slicesOf(
  manifest: SnapshotManifest,
  store: SnapshotStore,
): AsyncIterable<{ readonly part: string; readonly digest: string; readonly bytes: Uint8Array | undefined }> {
  const coming: Promise<Uint8Array | undefined>[] = [];
  for (const [index, { part, digest }] of manifest.slices.entries()) {
    while (coming.length <= SLICES_AHEAD && index + coming.length < manifest.slices.length) {
      const slice = store.getSlice(manifest, manifest.slices[index + coming.length]!.digest);
      // Reported when its turn comes, if it comes.
      slice.catch(() => undefined);
      coming.push(slice);
    }
    yield { part, digest, bytes: await coming.shift()! };
  }
}
