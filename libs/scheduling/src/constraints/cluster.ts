import { lacking, nameOf, type Constraint, type Peer, type FieldRule } from './constraint.js';
import { Groups } from './groups.js';
import { is } from './is.js';

/** All pods of the set on nodes of one value: the given one, else that of the first pod. */
export function cluster(rule: FieldRule, peers: readonly Peer[]): Constraint {
  return rule.value === undefined ? clusterOfPeers(rule, peers) : is(rule);
}

function clusterOfPeers(rule: FieldRule, peers: readonly Peer[]): Constraint {
  const groups = new Groups(rule.field, peers);
  const found = () => [...groups.values].sort().join(', ');
  return {
    name: nameOf(rule),
    effect: 'narrowing',
    placed: (node) => groups.placed(node),
    passes(node) {
      const value = groups.valueOf(node);
      return value !== undefined && (groups.size === 0 || (groups.size === 1 && groups.count(value) > 0));
    },
    explain(node) {
      const value = groups.valueOf(node);
      return value === undefined ? lacking(rule) : `${rule.field} is ${value}, the set runs on ${found()}`;
    },
    remedy: () => `add an agent with ${rule.field} ${found()}`,
  };
}
