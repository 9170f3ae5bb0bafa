import fc from 'fast-check';
import {
  agentRunsIn,
  agentRunsOf,
  columnOf,
  countIds,
  countIn,
  countMembers,
  eachIdRun,
  IdCursor,
  idOf,
  idRunsOf,
  IdRunsBuilder,
  idsIn,
  isIn,
  membersAt,
  MembersBuilder,
  membersIn,
  numbersIn,
  ordinalOf,
  RangeCursor,
  rangesOf,
  seqOf,
  valueAt,
  type Member,
} from './sets.js';

// The seed is fixed, so that a red run is red for everybody.
const runs = { numRuns: 300, seed: 20260101 };
const small = fc.nat(12);
const id = fc.tuple(fc.nat(3), small).map(([seq, ordinal]) => idOf<string>(seq, ordinal));

/** Members as they may stand in a set: indexes ascend, and those on one agent follow each other. */
const members = fc
  .array(fc.record({ gap: fc.integer({ min: 1, max: 3 }), stays: fc.boolean(), port: fc.nat(2), gpus: fc.nat(1) }), {
    maxLength: 40,
  })
  .map((draws): Member[] => {
    let [index, agent] = [-1, 1];
    return draws.map(({ gap, stays, port, gpus }) => {
      index += gap;
      if (!stays) agent += 1;
      const gpuIds = Array.from({ length: gpus }, () => `gpu-${index}`);
      return { index, agent, epoch: 1 + (agent % 2), ports: { http: port }, gpuIds, volumes: [] };
    });
  });

function built(list: readonly Member[]) {
  const builder = new MembersBuilder();
  for (const member of list) builder.add(member);
  return builder.members;
}

describe('ranges', () => {
  it('hold the numbers that they were made of, once and in order, and none touches the next', () => {
    fc.assert(
      fc.property(fc.array(small), small, (numbers, one) => {
        const ranges = rangesOf(numbers);
        const sorted = [...new Set(numbers)].sort((left, right) => left - right);
        expect([...numbersIn(ranges)]).toEqual(sorted);
        expect(countIn(ranges)).toBe(sorted.length);
        expect(isIn(ranges, one)).toBe(numbers.includes(one));
        ranges.slice(1).forEach(([first], at) => expect(first).toBeGreaterThan(ranges[at]![1] + 1));
      }),
      runs,
    );
  });
});

describe('runs of ids', () => {
  it('hold the ids that they were made of, in their order', () => {
    fc.assert(
      fc.property(fc.array(id), (ids) => {
        const made = idRunsOf(ids);
        expect([...idsIn(made)]).toEqual(ids);
        expect(countIds(made)).toBe(ids.length);
        const told: string[] = [];
        eachIdRun(made, (seq, first, last, position) => {
          expect(position).toBe(told.length);
          for (let ordinal = first; ordinal <= last; ordinal += 1) told.push(idOf(seq, ordinal));
        });
        expect(told).toEqual(ids);
        for (const entry of made) expect(entry.length % 2).toBe(1);
      }),
      runs,
    );
  });

  it('are as short as they can be when ids follow each other', () => {
    expect(idRunsOf(['812.0', '812.1', '812.2', '812.7', '9.0'])).toEqual([
      [812, 0, 2, 7, 7],
      [9, 0, 0],
    ]);
    const builder = new IdRunsBuilder();
    builder.add(812, 0, 500);
    builder.add(812, 500, 500);
    builder.add(812, 1000, 0);
    expect([builder.runs, builder.count]).toEqual([[[812, 0, 999]], 1000]);
  });

  it('are made of ids that can be read', () => {
    expect([seqOf('812.34'), ordinalOf('812.34'), idOf(812, 34)]).toEqual([812, 34, '812.34']);
  });
});

describe('cursors', () => {
  const cuts = fc.array(fc.nat(5), { minLength: 1, maxLength: 30 });

  it('give all ids piece by piece, wherever they are cut', () => {
    fc.assert(
      fc.property(fc.array(id), cuts, fc.boolean(), (ids, counts, skips) => {
        const cursor = new IdCursor(idRunsOf(ids));
        const told: string[] = [];
        let left = ids.length;
        let skipped = 0;
        for (let at = 0; left > 0; at += 1) {
          const count = Math.min(left, Math.max(1, counts[at % counts.length]!));
          if (skips && at === 0) {
            cursor.skip(count);
            skipped = count;
          } else
            cursor.take(count, (seq, first, length) => {
              for (let ordinal = first; ordinal < first + length; ordinal += 1) told.push(idOf(seq, ordinal));
            });
          left -= count;
        }
        expect(told).toEqual(ids.slice(skipped));
        expect(() => cursor.take(1, () => undefined)).toThrow('fewer ids than members');
      }),
      runs,
    );
  });

  it('give all numbers of ranges, wherever they are cut', () => {
    fc.assert(
      fc.property(fc.uniqueArray(small), cuts, (numbers, counts) => {
        const ranges = rangesOf(numbers);
        const cursor = new RangeCursor(ranges);
        const told: number[] = [];
        for (let at = 0; told.length < numbers.length; at += 1) {
          const count = Math.min(numbers.length - told.length, Math.max(1, counts[at % counts.length]!));
          cursor.take(count, (first, length) => {
            for (let number = first; number < first + length; number += 1) told.push(number);
          });
        }
        expect(told).toEqual([...numbersIn(ranges)]);
        expect(() => cursor.take(1, () => undefined)).toThrow('fewer indexes than members');
      }),
      runs,
    );
  });
});

describe('columns', () => {
  it('say each value at its position, and equal ones once', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(2)), (values) => {
        const column = columnOf(values);
        expect(values.map((_, position) => valueAt(column, position))).toEqual(values);
        if (values.length > 0) expect(column.length === 1).toBe(new Set(values).size === 1);
      }),
      runs,
    );
  });
});

describe('members', () => {
  it('are read as they were put together, each with its own', () => {
    fc.assert(
      fc.property(members, (list) => {
        const set = built(list);
        expect([...membersIn(set)]).toEqual(list);
        expect(countMembers(set)).toBe(list.length);
        const runs = [...agentRunsIn(set.agents)];
        expect(runs.reduce((sum, [, , count]) => sum + count, 0)).toBe(list.length);
        expect(new Set(runs.map(([agent]) => agent)).size).toBe(runs.length);
        expect(agentRunsOf(runs)).toEqual(set.agents);
        expect(JSON.parse(JSON.stringify(set))).toEqual(set);
      }),
      runs,
    );
  });

  it('can be picked by position', () => {
    fc.assert(
      fc.property(members, fc.array(fc.nat(40)), (list, positions) => {
        const wanted = [...new Set(positions)].sort((left, right) => left - right);
        expect([...membersIn(membersAt(built(list), wanted))]).toEqual(list.filter((_, at) => wanted.includes(at)));
      }),
      runs,
    );
  });

  it('say nothing of what none of them has', () => {
    const plain = { agent: 1, epoch: 1, ports: {}, gpuIds: [], volumes: [] };
    expect(built([0, 1, 2].map((index) => ({ ...plain, index })))).toEqual({
      indexes: [[0, 2]],
      agents: agentRunsOf([[1, 1, 3]]),
    });
    expect(() => built([1, 1].map((index) => ({ ...plain, index })))).toThrow('members out of order');
  });
});
