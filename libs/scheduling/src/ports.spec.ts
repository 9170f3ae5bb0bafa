import fc from 'fast-check';
import { PortSet } from './port-set.js';
import { countPorts, hasPort, normalisePorts, type PortRanges } from './ports.js';

const ranges = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 8 })))
  .map((pairs) => pairs.map(([from, more]) => [from, from + more] as const));

function listed(of: PortRanges): number[] {
  return of.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, at) => from + at));
}
const sorted = (numbers: Iterable<number>) => [...new Set(numbers)].sort((left, right) => left - right);

describe('port ranges', () => {
  it('are the set of their ports, merged and in order', () => {
    fc.assert(
      fc.property(ranges, (given) => {
        const merged = normalisePorts(given);
        expect(listed(merged)).toEqual(sorted(listed(given)));
        expect(countPorts(merged)).toBe(listed(merged).length);
        for (let at = 1; at < merged.length; at += 1) expect(merged[at]![0]).toBeGreaterThan(merged[at - 1]![1] + 1);
      }),
    );
  });
});

describe('a set of ports', () => {
  it('loses and gains ports as sets do', () => {
    const changes = fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 70 })), { maxLength: 60 });
    fc.assert(
      fc.property(ranges, changes, (given, some) => {
        const merged = normalisePorts(given);
        const set = new PortSet(merged);
        const expected = new Set(listed(merged));
        for (const [adds, port] of some) {
          expect(set.has(port)).toBe(expected.has(port));
          if (adds) {
            set.add(port);
            expected.add(port);
          } else {
            set.take(port);
            expected.delete(port);
          }
          expect(listed(set.ranges)).toEqual(sorted(expected));
          expect(set.count).toBe(expected.size);
          expect(normalisePorts(set.ranges)).toEqual(set.ranges);
        }
      }),
    );
  });
});

describe('ports for pods', () => {
  const taken = (free: PortRanges, wanted: readonly number[], count = 1) => {
    const numbers: number[] = [];
    const needs = wanted.map((port, at) => ({ name: `p${at}`, port }));
    const set = new PortSet(free);
    for (let pod = 0; pod < count; pod += 1) set.takeFor(needs, numbers);
    return { numbers, left: set.ranges };
  };

  it('are the fixed ones and the lowest that are free beside them', () => {
    expect(taken([[80, 83]], [0, 81, 0])).toEqual({ numbers: [80, 81, 82], left: [[83, 83]] });
  });

  it('go pod by pod from the lowest on', () => {
    const free = [
      [80, 82],
      [90, 95],
    ] as const;
    expect(taken(free, [0, 0], 3)).toEqual({ numbers: [80, 81, 82, 90, 91, 92], left: [[93, 95]] });
  });

  it('are free ones, none twice, and gone from what is left', () => {
    const wishes = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 })), { maxLength: 6 });
    fc.assert(
      fc.property(ranges, wishes, fc.integer({ min: 1, max: 3 }), (given, wanted, pods) => {
        const free = normalisePorts(given);
        const needs = wanted.map((port, at) => ({ name: `p${at}`, port }));
        const count = wanted.every((port) => port === 0) ? pods : 1;
        fc.pre(new PortSet(free).fits(needs) && countPorts(free) >= wanted.length * count);
        const { numbers, left } = taken(free, wanted, count);
        expect(new Set(numbers).size).toBe(wanted.length * count);
        expect(numbers.every((port) => hasPort(free, port))).toBe(true);
        for (const [at, port] of wanted.entries()) if (port !== 0) expect(numbers[at]).toBe(port);
        expect(listed(left)).toEqual(listed(free).filter((port) => !numbers.includes(port)));
        expect(normalisePorts(left)).toEqual(left);
      }),
    );
  });

  it('can never be had when one fixed port is asked for twice', () => {
    const twice = [
      { name: 'a', port: 80 },
      { name: 'b', port: 80 },
    ];
    expect(new PortSet([[80, 90]]).fits(twice)).toBe(false);
  });
});
