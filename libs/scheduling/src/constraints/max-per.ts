import { lacking, nameOf, type Constraint, type Peer, type FieldRule } from './constraint.js';
import { Groups } from './groups.js';

/** At most so many pods of the set on the nodes of one value. */
export function maxPer(rule: FieldRule, peers: readonly Peer[]): Constraint {
  const groups = new Groups(rule.field, peers);
  const most = /^\d+$/.test(rule.value ?? '') ? Number(rule.value) : 0;
  return {
    name: nameOf(rule),
    effect: 'narrowing',
    placed: (node) => groups.placed(node),
    passes(node) {
      const value = groups.valueOf(node);
      return value !== undefined && groups.count(value) < most;
    },
    explain(node) {
      const value = groups.valueOf(node);
      return value === undefined
        ? lacking(rule)
        : `${rule.field} ${value} has ${groups.count(value)} pods of the set, at most ${most}`;
    },
    remedy: () =>
      most === 0
        ? `give MAX_PER a whole number above 0, found ${rule.value ?? 'none'}`
        : `add an agent with another ${rule.field}, or allow more than ${most} a ${rule.field}`,
  };
}
