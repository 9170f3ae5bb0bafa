import fc from 'fast-check';
import type { FieldRule, Operator, Rule } from './constraint.js';
import { contradictionOf } from './contradiction.js';
import { Session } from '../session.js';
import { example, fleetOf, wishFor } from '../slow-placement.js';

const rule = (field: string, operator: Operator, value?: string): FieldRule => ({
  field,
  operator,
  ...(value === undefined ? {} : { value }),
});

const either = (...values: readonly string[]): Rule => ({ or: values.map((value) => rule('rack', 'IS', value)) });

describe('rules that can never hold', () => {
  it.each<[string, number, Rule[]]>([
    ["rack can't be 1 and 2", 1, [rule('rack', 'IS', '1'), rule('rack', 'IS', '2')]],
    ["rack can't be 1 and 2", 1, [rule('rack', 'CLUSTER', '1'), rule('rack', 'IS', '2')]],
    ["rack can't be a, which matches [ab]", 1, [rule('rack', 'UNLIKE', '[ab]'), rule('rack', 'IS', 'a')]],
    ["rack can't be c, which does not match [ab]", 1, [rule('rack', 'IS', 'c'), rule('rack', 'LIKE', '[ab]')]],
    ["rack can't both match a.* and not", 1, [rule('rack', 'LIKE', 'a.*'), rule('rack', 'UNLIKE', 'a.*')]],
    ["rack can't be 1 and not 1.0", 1, [rule('rack', 'IS', '1'), { not: rule('rack', 'IS', '1.0') }]],
    ["rack can't be a and c; rack can't be b and c", 1, [either('a', 'b'), rule('rack', 'IS', 'c')]],
    ["3 pods can't be on 2 values of rack of which each has 1 at most", 3, [rule('rack', 'UNIQUE'), either('a', 'b')]],
    [
      "zone UNIQUE can't both hold and not hold",
      1,
      [rule('zone', 'UNIQUE'), { not: { and: [rule('zone', 'UNIQUE')] } }],
    ],
    ["colocate db can't hold beside avoid db", 1, [{ avoid: { pod: 'db' } }, { colocate: { pod: 'db' } }]],
    [
      "colocate shop/db can't hold beside avoid shop",
      1,
      [{ colocate: { service: 'shop', pod: 'db' } }, { avoid: { service: 'shop' } }],
    ],
    [
      "2 pods can't be on one hostname of which each has 1 at most",
      2,
      [rule('hostname', 'IS', 'a'), rule('hostname', 'UNIQUE')],
    ],
    [
      "4 pods can't be on one zone of which each has 3 at most",
      4,
      [rule('zone', 'MAX_PER', '3'), rule('zone', 'CLUSTER')],
    ],
  ])('%s', (message, count, rules) => {
    expect(contradictionOf(rules, count)).toEqual({ at: 1, message });
  });

  it.each<[string, number, Rule[]]>([
    ['one value said twice', 1, [rule('rack', 'IS', '1'), rule('rack', 'CLUSTER', '1.0')]],
    ['a value that a pattern allows', 1, [rule('rack', 'IS', '1'), rule('rack', 'LIKE', '[12]')]],
    ['one pod, alone and together', 1, [rule('zone', 'UNIQUE'), rule('zone', 'CLUSTER')]],
    ['as many as a limit allows', 3, [rule('zone', 'MAX_PER', '3'), rule('zone', 'CLUSTER')]],
    ['a number that is written in several ways', 2, [rule('rack', 'IS', '1'), rule('rack', 'UNIQUE')]],
    ['a way that is left', 1, [either('a', 'b'), { not: rule('rack', 'IS', 'a') }]],
    ['as many as the values of all ways', 2, [either('a', 'b'), rule('rack', 'UNIQUE')]],
    ['near by rack, apart by node', 1, [{ avoid: { pod: 'db' } }, { colocate: { pod: 'db', field: 'rack' } }]],
    [
      'more ways than are looked at',
      9,
      Array.from({ length: 9 }, (_, at) => ({ or: [rule(`f${at}`, 'IS', 'a'), rule('rack', 'IS', 'b')] })),
    ],
    ['other fields', 9, [rule('zone', 'IS', 'a'), rule('rack', 'IS', 'b'), rule('hostname', 'UNIQUE')]],
  ])('are not: %s', (_, count, rules) => {
    expect(contradictionOf(rules, count)).toBeUndefined();
  });

  const leaf = fc
    .tuple(
      fc.constantFrom('rack', 'zone'),
      fc.constantFrom<[Operator, string?]>(
        ...(['UNIQUE', 'CLUSTER', 'GROUP_BY'] as const).map((operator): [Operator] => [operator]),
        ...(['1', '1.0', 'a', 'b', 'c'] as const).flatMap((value): [Operator, string][] => [
          ['IS', value],
          ['CLUSTER', value],
        ]),
        ...(['[ab]', 'a', '1', '1.*'] as const).flatMap((value): [Operator, string][] => [
          ['LIKE', value],
          ['UNLIKE', value],
        ]),
        ['MAX_PER', '1'],
        ['MAX_PER', '2'],
      ),
    )
    .map(([field, [operator, value]]): Rule => rule(field, operator, value));
  const near = fc
    .tuple(fc.constantFrom('avoid', 'colocate'), fc.constantFrom('db', undefined), fc.constantFrom('rack', undefined))
    .map(([kind, pod, field]): Rule => {
      const of = { service: 's', ...(pod === undefined ? {} : { pod }), ...(field === undefined ? {} : { field }) };
      return kind === 'avoid' ? { avoid: of } : { colocate: of };
    });
  const below = (part: fc.Arbitrary<Rule>): fc.Arbitrary<Rule> =>
    fc.oneof(
      { weight: 4, arbitrary: part },
      { weight: 1, arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }).map((and): Rule => ({ and })) },
      { weight: 2, arbitrary: fc.array(part, { minLength: 1, maxLength: 3 }).map((or): Rule => ({ or })) },
      { weight: 1, arbitrary: part.map((not): Rule => ({ not })) },
    );
  const rules = fc.array(below(below(fc.oneof({ weight: 6, arbitrary: leaf }, { weight: 1, arbitrary: near }))), {
    minLength: 1,
    maxLength: 4,
  });

  it('have no place in any cluster', () => {
    // Agents of every pair of values, and some without: whatever could be fulfilled is fulfilled by some of them.
    const values = ['1', '1.0', '1.00', 'a', 'b', 'c', 'd', undefined];
    const nodes = values.flatMap((rack, at) =>
      values.map((zone, other) => ({
        ...example({ id: `${at}${other}`, cpusMilli: 9000 }),
        hostname: `h${at}${other}`,
        attributes: { ...(rack === undefined ? {} : { rack }), ...(zone === undefined ? {} : { zone }) },
      })),
    );
    let found = 0;
    fc.assert(
      fc.property(
        rules,
        fc.integer({ min: 1, max: 4 }),
        fc.subarray(nodes),
        fc.nat(3),
        (given, count, others, staying) => {
          if (contradictionOf(given, count) === undefined) return;
          found += 1;
          const neighbours = (of: { pod?: string }, by: string) =>
            others.slice(of.pod === undefined ? 0 : 1, by === 'avoid' ? undefined : 1 + staying);
          const wish = { ...wishFor({ cpusMilli: 1000 }), rules: given, policy: 'spread' as const, neighbours };
          expect(new Session(fleetOf(nodes)).place(wish, count).picks.count).toBeLessThan(count);
        },
      ),
      { numRuns: 4000 },
    );
    expect(found).toBeGreaterThan(200);
  });
});
