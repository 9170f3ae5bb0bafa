import fc from 'fast-check';
import {
  choosePorts,
  countPorts,
  hasPort,
  normalisePorts,
  portsFit,
  withoutPorts,
  withPorts,
  type PortRanges,
} from './ports.js';

const ranges = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 0, max: 8 })))
  .map((pairs) => pairs.map(([from, more]) => [from, from + more] as const));
const ports = fc.array(fc.integer({ min: 1, max: 70 }));

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

  it('lose and gain ports as sets do', () => {
    fc.assert(
      fc.property(ranges, ports, (given, some) => {
        const merged = normalisePorts(given);
        const without = withoutPorts(merged, some);
        expect(listed(without)).toEqual(listed(merged).filter((port) => !some.includes(port)));
        const back = sorted(some).filter((port) => hasPort(merged, port));
        expect(withPorts(without, back)).toEqual(merged);
      }),
    );
  });
});

describe('ports for a pod', () => {
  it('are the fixed ones and the lowest that are free beside them', () => {
    const needs = ['a', 'b', 'c'].map((name, at) => ({ name, port: [0, 81, 0][at]! }));
    expect(choosePorts([[80, 83]], needs)).toEqual({ a: 80, b: 81, c: 82 });
    expect(choosePorts([[81, 82]], needs)).toBeUndefined();
    expect(
      choosePorts(
        [
          [80, 80],
          [82, 90],
        ],
        needs,
      ),
    ).toBeUndefined();
  });

  it('can be had exactly when they fit, each from the free ones, none twice', () => {
    const wishes = fc.array(fc.oneof(fc.constant(0), fc.integer({ min: 1, max: 40 })), { maxLength: 6 });
    fc.assert(
      fc.property(ranges, wishes, (given, wanted) => {
        const free = normalisePorts(given);
        const needs = wanted.map((port, at) => ({ name: `p${at}`, port }));
        const chosen = choosePorts(free, needs);
        expect(chosen !== undefined).toBe(portsFit(free, needs));
        if (chosen === undefined) return;
        const numbers = Object.values(chosen);
        expect(new Set(numbers).size).toBe(wanted.length);
        expect(numbers.every((port) => hasPort(free, port))).toBe(true);
        for (const { name, port } of needs) if (port !== 0) expect(chosen[name]).toBe(port);
      }),
    );
  });

  it('can never be had when one fixed port is asked for twice', () => {
    const twice = [
      { name: 'a', port: 80 },
      { name: 'b', port: 80 },
    ];
    expect(portsFit([[80, 90]], twice)).toBe(false);
  });
});
