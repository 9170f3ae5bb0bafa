import { toyDecider, ToyWorld } from '@orrery/testing';
import { foldUpTo, ShardFold, type Folding } from './index.js';

const folding = toyDecider as unknown as Folding<object, never>;
const breathe = () => Promise.resolve();

describe('a fold up to a moment of the past', () => {
  async function worldWithHistory(snapshotEveryEvents: number) {
    const world = new ToyWorld();
    await world.provision();
    const { loop } = await world.host({ snapshotEveryEvents, snapshotEveryMs: 1_000_000 });
    for (let number = 0; number < 40; number += 1) {
      world.send(`id-${number}`, { type: 'Add', counter: `c${number % 3}`, amount: number });
      await world.clock.advance(1000);
    }
    await world.clock.advanceWhile(loop.stop());
    return world;
  }

  it('is the same from zero and from the nearest snapshot, at every seq', async () => {
    const world = await worldWithHistory(10);
    const address = { domain: 'services', cell: 0 } as const;
    expect((await world.snapshots.listManifests(address)).length).toBeGreaterThan(2);
    const zero = new ShardFold(folding);
    for (const record of world.records()) {
      zero.fold(record, { lastOffset: record.seq });
      const exact = await world.clock.advanceWhile(foldUpTo(address, folding, { seqMax: record.seq }, world, breathe));
      expect(exact).toMatchObject({ complete: true, position: { seq: record.seq } });
      expect(exact.fold.digest(exact.position)).toBe(zero.digest(exact.position));
    }
  });

  it('says whether more may still come into it', async () => {
    const world = await worldWithHistory(1_000_000);
    const last = world.records().at(-1)!;
    const address = { domain: 'services', cell: 0 } as const;
    const past = (atMax: number) => world.clock.advanceWhile(foldUpTo(address, folding, { atMax }, world, breathe));
    expect((await past(last.at - 1)).complete).toBe(true);
    expect((await past(last.at)).complete).toBe(false);
  });

  it('refuses a journal that is not the one of its snapshot', async () => {
    const world = await worldWithHistory(10);
    world.log.recreate({ topic: 'orrery.services.journal', partition: 0 });
    const past = foldUpTo({ domain: 'services', cell: 0 }, folding, { atMax: Number.MAX_SAFE_INTEGER }, world, breathe);
    await expect(world.clock.advanceWhile(past)).rejects.toThrow();
  });
});
