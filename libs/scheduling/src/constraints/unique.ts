import { lacking, nameOf, type Constraint, type Peer, type FieldRule } from './constraint.js';
import { Groups } from './groups.js';

/** No two pods of the set on nodes of the same value: MAX_PER 1. */
export function unique(rule: FieldRule, peers: readonly Peer[]): Constraint {
  const groups = new Groups(rule.field, peers);
  return {
    name: nameOf(rule),
    effect: 'narrowing',
    placed: (node) => groups.placed(node),
    passes(node) {
      const value = groups.valueOf(node);
      return value !== undefined && groups.count(value) === 0;
    },
    explain(node) {
      const value = groups.valueOf(node);
      return value === undefined ? lacking(rule) : `${rule.field} ${value} already has a pod of the set`;
    },
    remedy: () => `add an agent with another ${rule.field}: each may have one pod of the set`,
  };
}
