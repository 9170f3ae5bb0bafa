import type { Rule } from './constraint.js';
import { contradictionOf } from './contradiction.js';

const rule = (field: string, operator: Rule['operator'], value?: string): Rule => ({
  field,
  operator,
  ...(value === undefined ? {} : { value }),
});

describe('rules that can never hold', () => {
  it.each<[string, number, Rule[]]>([
    ["rack can't be 1 and 2", 1, [rule('rack', 'IS', '1'), rule('rack', 'IS', '2')]],
    ["rack can't be 1 and 2", 1, [rule('rack', 'CLUSTER', '1'), rule('rack', 'IS', '2')]],
    ["rack can't be 1, which matches [12]", 1, [rule('rack', 'UNLIKE', '[12]'), rule('rack', 'IS', '1')]],
    ["rack can't be 3, which does not match [12]", 1, [rule('rack', 'IS', '3'), rule('rack', 'LIKE', '[12]')]],
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
    ['other fields', 9, [rule('zone', 'IS', 'a'), rule('rack', 'IS', 'b'), rule('hostname', 'UNIQUE')]],
  ])('are not: %s', (_, count, rules) => {
    expect(contradictionOf(rules, count)).toBeUndefined();
  });
});
