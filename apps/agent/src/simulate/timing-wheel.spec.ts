import { SeededRandom } from '@orrery/testing';
import { TimingWheel } from './timing-wheel.js';

function advanced(wheel: TimingWheel, toMs: number): [number, number][] {
  const seen: [number, number][] = [];
  wheel.advance(toMs, (item, dueMs) => seen.push([item, dueMs]));
  return seen;
}

describe('a timing wheel', () => {
  it('calls for each thing once, at its time, in order of time', () => {
    const random = new SeededRandom(7);
    const wheel = new TimingWheel(5000);
    const dueMs = Array.from({ length: 5000 }, () => 1 + random.below(random.pick([20, 2000, 3_000_000])));
    dueMs.forEach((due, item) => wheel.schedule(item, due));
    const seen: [number, number][] = [];
    for (let now = 0; seen.length < 5000; now += random.below(5000)) seen.push(...advanced(wheel, now));
    expect(seen.every(([item, due]) => dueMs[item] === due)).toBe(true);
    expect(new Set(seen.map(([item]) => item)).size).toBe(5000);
    expect(seen.every(([, due], at) => at === 0 || seen[at - 1]![1] <= due)).toBe(true);
  });

  it('keeps a thing of a later turn of the wheel for its turn', () => {
    const wheel = new TimingWheel(3);
    wheel.schedule(0, 1023);
    wheel.schedule(1, 1024 * 1024 + 5);
    wheel.schedule(2, 2 * 1024 * 1024 + 5);
    expect(advanced(wheel, 1024 * 1024)).toEqual([[0, 1023]]);
    expect(advanced(wheel, 3 * 1024 * 1024)).toEqual([
      [1, 1024 * 1024 + 5],
      [2, 2 * 1024 * 1024 + 5],
    ]);
  });

  it('forgets what was cancelled and takes the last time of what was scheduled again', () => {
    const wheel = new TimingWheel(4);
    for (let item = 0; item < 4; item += 1) wheel.schedule(item, 50);
    wheel.cancel(1);
    wheel.schedule(2, 3000);
    expect(advanced(wheel, 100).map(([item]) => item)).toEqual([3, 0]);
    expect(wheel.isScheduled(1)).toBe(false);
    expect(advanced(wheel, 4000)).toEqual([[2, 3000]]);
  });

  it('lets what a call schedules follow within the same advance', () => {
    const wheel = new TimingWheel(1);
    wheel.schedule(0, 10);
    const seen: number[] = [];
    wheel.advance(2000, (item, dueMs) => {
      seen.push(dueMs);
      if (seen.length < 3) wheel.schedule(item, dueMs + 700);
    });
    expect(seen).toEqual([10, 710, 1410]);
  });

  it('keeps what it has when it grows', () => {
    const wheel = new TimingWheel(1);
    wheel.schedule(0, 5);
    wheel.grow(10);
    wheel.schedule(9, 6);
    expect(advanced(wheel, 10)).toEqual([
      [0, 5],
      [9, 6],
    ]);
  });
});
