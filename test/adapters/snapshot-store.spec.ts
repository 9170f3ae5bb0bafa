import { CassandraSnapshots, ensureKeyspace } from '@orrery/cassandra';
import { InMemorySnapshots } from '@orrery/testing';
import { cassandra, freshName } from './infrastructure.js';
import { snapshotStoreContract } from './snapshot-store-contract.js';

const freshShard = (): { domain: string; cell: number } => ({ domain: freshName('domain'), cell: 1 });

describe('snapshots in memory', () => {
  snapshotStoreContract(async () => ({ store: new InMemorySnapshots(), freshShard, close: async () => undefined }));
});

describe('snapshots in Cassandra', () => {
  const options = cassandra('orrery_adapters');

  beforeAll(() => ensureKeyspace(options));

  snapshotStoreContract(async () => {
    const store = new CassandraSnapshots(options, { sliceGraceMs: 0 });
    return { store, freshShard, close: () => store.close() };
  });

  it('keep a slice that was just written, since the manifest of its snapshot may be yet to come', async () => {
    const store = new CassandraSnapshots(options);
    const shard = freshShard();
    await store.putSlice(shard, 'digest', Buffer.from('bytes'));
    await store.putManifest({
      ...shard,
      ...{ journalId: 'journal', seq: 1, at: 1, foldVersion: 1, digest: 'd', cursor: '{}' },
      slices: [{ part: 'p', digest: 'digest', bytes: 5 }],
    });
    await store.deleteManifest(shard, 'journal', 1);
    expect(await store.listManifests(shard)).toEqual([]);
    expect(Buffer.from((await store.getSlice(shard, 'digest'))!).toString()).toBe('bytes');
    await store.close();
  });

  it('show two digests of one seq as two snapshots: the fold was not deterministic, and somebody must see it', async () => {
    const store = new CassandraSnapshots(options);
    const shard = freshShard();
    const one = {
      ...shard,
      journalId: 'journal',
      seq: 1,
      at: 1,
      foldVersion: 1,
      digest: 'a',
      cursor: '{}',
      slices: [],
    };
    await store.putManifest(one);
    await store.putManifest({ ...one, digest: 'b' });
    expect((await store.listManifests(shard)).map(({ digest }) => digest)).toEqual(['a', 'b']);
    await store.close();
  });
});
