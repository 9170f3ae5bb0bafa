import fc from 'fast-check';
import { chooseDisks, DiskSet, type Disk, type DiskNeed } from './disk-set.js';
import { freeDisks } from './filters/free-disks.js';
import { example } from './slow-placement.js';

const mount = (name: string, sizeMib: number): Disk => ({ name, type: 'MOUNT', sizeMib });
const path = (name: string, sizeMib: number): Disk => ({ name, type: 'PATH', sizeMib });

describe('disks of their own', () => {
  it('give a volume of type MOUNT the smallest disk that fits, and all of it', () => {
    const disks = new DiskSet();
    disks.declare([mount('large', 900), mount('small', 300), mount('tiny', 100)]);
    expect(disks.take([{ type: 'MOUNT', sizeMib: 200 }])).toEqual(['small']);
    expect(disks.free.map(({ sizeMib }) => sizeMib)).toEqual([900, 0, 100]);
    expect(disks.take([{ type: 'MOUNT', sizeMib: 200 }])).toEqual(['large']);
    expect(disks.fits([{ type: 'MOUNT', sizeMib: 200 }])).toBe(false);
    disks.release('small', 200);
    expect(disks.fits([{ type: 'MOUNT', sizeMib: 300 }])).toBe(true);
  });

  it('give a volume of type PATH its part, of the disk that it names', () => {
    const disks = new DiskSet();
    disks.declare([path('a', 500), path('b', 500), mount('c', 500)]);
    expect(disks.take([{ type: 'PATH', sizeMib: 300, disk: 'b' }])).toEqual(['b']);
    expect(disks.fits([{ type: 'PATH', sizeMib: 300, disk: 'b' }])).toBe(false);
    expect(disks.fits([{ type: 'PATH', sizeMib: 100, disk: 'c' }])).toBe(false);
    expect(disks.take([{ type: 'PATH', sizeMib: 200 }])).toEqual(['b']);
  });

  it('are short where a machine comes back with less than volumes hold', () => {
    const disks = new DiskSet();
    disks.declare([path('a', 500)]);
    disks.take([{ type: 'PATH', sizeMib: 300 }]);
    expect(disks.isShort).toBe(false);
    disks.declare([path('a', 200)]);
    expect(disks.isShort).toBe(true);
  });

  it('all MOUNT volumes of a pod get one whenever that is possible', () => {
    const sizes = fc.array(fc.integer({ min: 1, max: 6 }), { maxLength: 5 });
    fc.assert(
      fc.property(sizes, sizes, (declared, wanted) => {
        const free = declared.map((sizeMib, at) => mount(`d${at}`, sizeMib));
        const needs = wanted.map((sizeMib): DiskNeed => ({ type: 'MOUNT', sizeMib }));
        const chosen = chooseDisks(free, needs);
        expect(chosen !== undefined).toBe(isPossible(declared, wanted));
        if (chosen === undefined) return;
        expect(new Set(chosen).size).toBe(needs.length);
        for (const [at, name] of chosen.entries())
          expect(free.find((disk) => disk.name === name)!.sizeMib).toBeGreaterThanOrEqual(needs[at]!.sizeMib);
      }),
    );
  });

  it('say what is missing with numbers', () => {
    const node = { ...example({}), capacity: { ...example({}).capacity, disks: [path('a', 500)] } };
    const now = { ...node, free: { ...node.free, disks: [path('a', 100)] } };
    const filter = freeDisks([{ type: 'PATH', sizeMib: 200 }]);
    expect(filter.passes(now)).toBe(false);
    expect(filter.explain(now)).toBe('needs 200 MiB of a PATH disk: a has 100 of 500 MiB free');
    const other = freeDisks([{ type: 'MOUNT', sizeMib: 200 }]);
    expect(other.explain(now)).toBe('needs a MOUNT disk of 200 MiB, has no such disk');
    expect(other.remedy([now])).toContain('no agent has a MOUNT disk');
  });
});

/** Tries every way. */
function isPossible(disks: readonly number[], wanted: readonly number[]): boolean {
  const [first, ...rest] = wanted;
  if (first === undefined) return true;
  return disks.some((size, at) => size >= first && isPossible(disks.toSpliced(at, 1), rest));
}
