import { lacking, nameOf, noEffect, type Constraint, type Peer, type Rule } from './constraint.js';
import { fieldOf } from './field.js';
import { Groups } from './groups.js';

/** All pods of the set on nodes of one value: the given one, else that of the first pod. */
export function cluster(rule: Rule, peers: readonly Peer[]): Constraint {
  return rule.value === undefined ? clusterOfPeers(rule, peers) : clusterOfValue(rule, rule.value);
}

function clusterOfValue(rule: Rule, wanted: string): Constraint {
  return {
    name: nameOf(rule),
    effect: 'fixed',
    field: rule.field,
    placed: noEffect,
    passes: (node) => fieldOf(rule.field, node) === wanted,
    explain(node) {
      const value = fieldOf(rule.field, node);
      return value === undefined ? lacking(rule) : `${rule.field} is ${value}, not ${wanted}`;
    },
    remedy: () => `add an agent with ${rule.field} ${wanted}`,
  };
}

function clusterOfPeers(rule: Rule, peers: readonly Peer[]): Constraint {
  const groups = new Groups(rule.field, peers);
  const found = () => [...groups.values].sort().join(', ');
  return {
    name: nameOf(rule),
    effect: 'narrowing',
    field: rule.field,
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
