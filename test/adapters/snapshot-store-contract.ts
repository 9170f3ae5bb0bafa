import { createHash, randomBytes } from 'node:crypto';
import type { Shard, SnapshotManifest, SnapshotStore } from '@orrery/control-loop';

/** What every snapshot store does, in memory and in Cassandra. Shards are of the caller: `freshShard` gives an unused one. */
export function snapshotStoreContract(
  open: () => Promise<{ store: SnapshotStore; freshShard: () => Shard; close: () => Promise<void> }>,
): void {
  let store: SnapshotStore;
  let shard: Shard;
  let opened: Awaited<ReturnType<typeof open>>;

  beforeAll(async () => {
    opened = await open();
    store = opened.store;
  });
  beforeEach(() => {
    shard = opened.freshShard();
  });
  afterAll(() => opened.close());

  it('gives back the bytes of a slice, and nothing for one that it lacks', async () => {
    const bytes = randomBytes(512 * 1024);
    const digest = sha256(bytes);
    await store.putSlice(shard, digest, bytes);
    await store.putSlice(shard, digest, bytes);
    expect(sha256((await store.getSlice(shard, digest))!)).toBe(digest);
    expect(await store.getSlice(shard, sha256(Buffer.from('other')))).toBeUndefined();
    expect(await store.getSlice(opened.freshShard(), digest)).toBeUndefined();
  });

  it('keeps a slice that is a view into something larger', async () => {
    const whole = randomBytes(1_000);
    const view = whole.subarray(100, 200);
    await store.putSlice(shard, sha256(view), view);
    expect(Buffer.from((await store.getSlice(shard, sha256(view)))!).equals(view)).toBe(true);
  });

  it('lists the manifests of a shard, the newest first, each as it was put', async () => {
    const [first, second, third] = [manifest({ seq: 5 }), manifest({ seq: 6 }), manifest({ seq: 9 })];
    for (const each of [second, first, third]) await store.putManifest(each);
    expect(await store.listManifests(shard)).toEqual([third, second, first]);
    expect(await store.listManifests(shard, { limit: 1 })).toEqual([third]);
    expect(await store.listManifests(opened.freshShard())).toEqual([]);
  });

  it('finds the state of the past: the newest manifest at or before a time', async () => {
    for (const seq of [1, 2, 3]) await store.putManifest(manifest({ seq }));
    const at = manifest({ seq: 2 }).at;
    expect((await store.listManifests(shard, { atOrBefore: at, limit: 1 })).map(({ seq }) => seq)).toEqual([2]);
    expect((await store.listManifests(shard, { atOrBefore: at - 1 })).map(({ seq }) => seq)).toEqual([1]);
  });

  it('knows a manifest that is put again for the same one', async () => {
    await store.putManifest(manifest({ seq: 4 }));
    await store.putManifest(manifest({ seq: 4 }));
    expect(await store.listManifests(shard)).toEqual([manifest({ seq: 4 })]);
  });

  it('deletes with a manifest the slices that no other one lists', async () => {
    const [only, both] = [randomBytes(100), randomBytes(100)];
    for (const bytes of [only, both]) await store.putSlice(shard, sha256(bytes), bytes);
    await store.putManifest(manifest({ seq: 1, slices: [only, both] }));
    await store.putManifest(manifest({ seq: 2, slices: [both] }));
    await store.deleteManifest(shard, 'journal-1', 1);
    expect((await store.listManifests(shard)).map(({ seq }) => seq)).toEqual([2]);
    expect(await store.getSlice(shard, sha256(only))).toBeUndefined();
    expect(await store.getSlice(shard, sha256(both))).toBeDefined();
  });

  it('takes a slice again that was deleted', async () => {
    const bytes = randomBytes(100);
    await store.putSlice(shard, sha256(bytes), bytes);
    await store.putManifest(manifest({ seq: 1, slices: [bytes] }));
    await store.deleteManifest(shard, 'journal-1', 1);
    await store.putSlice(shard, sha256(bytes), bytes);
    expect(await store.getSlice(shard, sha256(bytes))).toBeDefined();
  });

  it('deletes nothing for a manifest that it does not have', async () => {
    await store.putManifest(manifest({ seq: 1 }));
    await store.deleteManifest(shard, 'journal-1', 7);
    await store.deleteManifest(shard, 'journal-2', 1);
    expect(await store.listManifests(shard)).toHaveLength(1);
  });

  function manifest({ seq, slices = [] }: { seq: number; slices?: readonly Buffer[] }): SnapshotManifest {
    return {
      ...shard,
      journalId: 'journal-1',
      seq,
      at: 1_800_000_000_000 + seq * 1_000,
      foldVersion: 3,
      digest: sha256(Buffer.from(`${seq}`)),
      cursor: JSON.stringify({ next: seq + 1 }),
      slices: slices.map((bytes) => ({ part: 'tasks/0', digest: sha256(bytes), bytes: bytes.length })),
    };
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
