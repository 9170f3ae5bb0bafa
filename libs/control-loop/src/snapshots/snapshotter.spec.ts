import { ToyWorld, toyHosting, type ToyHosting } from '@orrery/testing';

const add = (counter: string) => ({ type: 'Add', counter, amount: 1 }) as const;
const shard = { domain: 'services', cell: 0 };

async function owned(settings: Parameters<ToyWorld['host']>[0] = {}) {
  const world = new ToyWorld();
  await world.provision();
  const { loop } = await world.host({ snapshotEveryEvents: 10, ...settings });
  const commit = async (count: number) => {
    for (let index = 0; index < count; index += 1) {
      world.send(`${world.clock.nowMs()}`, add('a'));
      await world.clock.advance(10);
    }
  };
  return { world, loop, commit };
}

describe('snapshots', () => {
  it('are taken every so many events, each of one seq, equal to the state of then', async () => {
    const { world, loop, commit } = await owned();
    await commit(5);
    await world.clock.advance(1_000);
    const [manifest] = await world.snapshots.listManifests(shard);
    expect(loop.digests()[0]).toEqual({ seq: manifest!.seq, digest: manifest!.digest });
  });

  it('are taken after a while when something happened, and not again when nothing did', async () => {
    const { world, commit } = await owned({ snapshotEveryMs: 60_000 });
    await commit(1);
    expect(await world.snapshots.listManifests(shard)).toEqual([]);
    await world.clock.advance(10 * 60_000);
    expect(await world.snapshots.listManifests(shard)).toHaveLength(1);
    await world.clock.advance(60 * 60_000);
    expect(await world.snapshots.listManifests(shard)).toHaveLength(1);
  });

  it('are taken in time by an owner that has just started anew', async () => {
    const { world, loop, commit } = await owned({ snapshotEveryMs: 60_000 });
    await commit(5);
    await world.clock.advance(40_000);
    const [before] = await world.snapshots.listManifests(shard);
    await commit(1);
    await world.clock.advanceWhile(loop.stop());
    await world.host({ instance: 'b', snapshotEveryMs: 60_000 });
    await world.clock.advance(25_000);
    const [newest] = await world.snapshots.listManifests(shard);
    expect(newest!.seq).toBeGreaterThan(before!.seq);
  });

  it('that fail stop nobody, and are taken later', async () => {
    const { world, commit } = await owned();
    world.snapshots.failing = () => true;
    await commit(20);
    expect(world.signals).toContainEqual(expect.objectContaining({ kind: 'alarm', code: 'snapshot-failed' }));
    expect(world.commits()).toHaveLength(20);
    world.snapshots.failing = () => false;
    await world.clock.advance(10 * 60_000);
    expect(await world.snapshots.listManifests(shard)).not.toEqual([]);
  });

  it('do not exist before everything up to them was relayed', async () => {
    let away = true;
    const world = new ToyWorld();
    await world.provision();
    const { log } = world;
    const hosting: ToyHosting = {
      ...toyHosting,
      relay: ({ seq }) => [{ topic: 'orders', partition: 0, value: Buffer.from(String(seq)) }],
    };
    const loop = await world.host({
      hosting,
      snapshotEveryEvents: 2,
      log: {
        append: log.append.bind(log),
        publish: (...args) => (away ? Promise.reject(new Error('away')) : log.publish(...args)),
        follow: log.follow.bind(log),
        read: log.read.bind(log),
        bounds: log.bounds.bind(log),
      },
    });
    world.send('1', add('a'));
    await world.clock.advance(60_000);
    expect(await world.snapshots.listManifests(shard)).toEqual([]);
    away = false;
    await world.clock.advance(10_000);
    expect(await world.snapshots.listManifests(shard)).toMatchObject([{ seq: 2 }]);
    expect(loop.loop.status()[0]!.state).toBe('owning');
  });

  it('write unchanged slices once', async () => {
    const { world, commit } = await owned();
    await commit(5);
    await world.clock.advance(1_000);
    const written = world.snapshots.slicesWritten;
    await commit(5);
    await world.clock.advance(1_000);
    const manifests = await world.snapshots.listManifests(shard);
    expect(manifests).toHaveLength(2);
    const [newest, older] = manifests.map(({ slices }) => new Set(slices.map(({ digest }) => digest)));
    const fresh = [...newest!].filter((digest) => !older!.has(digest));
    expect(world.snapshots.slicesWritten - written).toBe(fresh.length);
  });

  it('of one seq with another digest are an alarm, and the first one stays', async () => {
    const { world, commit } = await owned();
    const other = {
      ...shard,
      journalId: world.records()[0]!.journalId,
      at: 1,
      foldVersion: 1,
      cursor: '{}',
      slices: [],
    };
    for (let seq = 2; seq <= 20; seq += 1) await world.snapshots.putManifest({ ...other, seq, digest: 'other' });
    await commit(5);
    await world.clock.advance(1_000);
    expect(world.signals).toContainEqual(expect.objectContaining({ kind: 'alarm', code: 'digest-differs' }));
    const digests = (await world.snapshots.listManifests(shard)).map(({ digest }) => digest);
    expect(new Set(digests)).toEqual(new Set(['other']));
  });
});
