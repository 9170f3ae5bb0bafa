import fc from 'fast-check';
import { snapshotsToDelete } from '../index.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const now = Date.UTC(2026, 5, 15, 12);
const takenAgo = (...agesMs: readonly number[]) => agesMs.map((age, index) => ({ seq: index + 1, at: now - age }));
const keptAges = (...agesMs: readonly number[]) => {
  const snapshots = takenAgo(...agesMs);
  const gone = new Set(snapshotsToDelete(snapshots, now));
  return snapshots.filter((snapshot) => !gone.has(snapshot)).map(({ at }) => now - at);
};

describe('thinning of snapshots', () => {
  it('keeps all of the last day', () => {
    expect(keptAges(DAY_MS, 1000, 500, 1)).toEqual([DAY_MS, 1000, 500, 1]);
  });

  it('keeps the first of each hour of the last month', () => {
    const minutes = [50, 40, 10].map((minute) => 3 * DAY_MS - minute * 60_000);
    expect(keptAges(...minutes.map((age) => age), 1)).toEqual([3 * DAY_MS - 10 * 60_000, 1]);
  });

  it('keeps the first of each day for ever', () => {
    const ages = [400 * DAY_MS + 2 * HOUR_MS, 400 * DAY_MS + HOUR_MS, 400 * DAY_MS, 1];
    expect(keptAges(...ages)).toEqual([400 * DAY_MS + 2 * HOUR_MS, 1]);
  });

  it('keeps the newest whatever its age', () => {
    expect(keptAges(400 * DAY_MS + 1, 400 * DAY_MS)).toEqual([400 * DAY_MS + 1, 400 * DAY_MS]);
  });

  it('deletes nothing more when it is done again', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(800 * DAY_MS)), (ages) => {
        const kept = keptAges(...ages);
        expect(keptAges(...kept)).toEqual(kept);
      }),
    );
  });
});
