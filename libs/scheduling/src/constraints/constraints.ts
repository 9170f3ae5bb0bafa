import { unreachable } from '@orrery/kernel';
import type { Node } from '../node.js';
import { cluster } from './cluster.js';
import { allOf, anyOf, noneOf } from './combination.js';
import {
  isFieldRule,
  type Balancing,
  type Constraint,
  type FieldRule,
  type NeighbourNodes,
  type Peer,
  type Rule,
} from './constraint.js';
import { GroupBy } from './group-by.js';
import { is } from './is.js';
import { like, unlike } from './like.js';
import { maxPer } from './max-per.js';
import { avoid, colocate } from './neighbours.js';
import { effectOf, flattened } from './rules.js';
import { unique } from './unique.js';

/** The constraints of a set: balancing ones see the nodes that the fixed ones leave. */
export interface Constraints {
  readonly fixed: readonly Constraint[];
  /** Those that close nodes as pods are placed, and those that the pods of others decide. */
  readonly narrowing: readonly Constraint[];
  /** Needs the nodes that are left by avoid and the fixed constraints. */
  balancing(nodes: () => Iterable<Node>): readonly Balancing[];
}

export function constraintsOf(rules: readonly Rule[], around: Around): Constraints {
  const apart = flattened(rules).map((rule) => ({ rule, effect: effectOf([rule]) }));
  const made = (...effects: readonly Constraint['effect'][]) =>
    apart.filter(({ effect }) => effects.includes(effect)).map(({ rule }) => constraintOf(rule, around, () => []));
  return {
    fixed: made('fixed'),
    narrowing: made('settled', 'narrowing'),
    balancing: (nodes) =>
      apart
        .filter(({ effect }) => effect === 'balancing')
        .map(({ rule }) => constraintOf(rule, around, nodes) as Balancing),
  };
}

/** What runs already: pods of the set, and pods that its rules name. */
export interface Around {
  readonly peers: readonly Peer[];
  readonly neighbours: NeighbourNodes;
}

export const NOBODY: Around = { peers: [], neighbours: () => [] };

function constraintOf(rule: Rule, around: Around, nodes: () => Iterable<Node>): Constraint {
  const below = (part: Rule) => constraintOf(part, around, nodes);
  if (isFieldRule(rule)) return fieldConstraintOf(rule, around.peers, nodes);
  if ('and' in rule) return allOf(rule.and.map(below));
  if ('or' in rule) return anyOf(rule.or.map(below));
  if ('not' in rule) return noneOf(below(rule.not));
  return 'avoid' in rule ? avoid(rule.avoid, around.neighbours) : colocate(rule.colocate, around.neighbours);
}

function fieldConstraintOf(rule: FieldRule, peers: readonly Peer[], nodes: () => Iterable<Node>): Constraint {
  switch (rule.operator) {
    case 'UNIQUE':
      return unique(rule, peers);
    case 'MAX_PER':
      return maxPer(rule, peers);
    case 'CLUSTER':
      return cluster(rule, peers);
    case 'LIKE':
      return like(rule);
    case 'UNLIKE':
      return unlike(rule);
    case 'IS':
      return is(rule);
    case 'GROUP_BY':
      return new GroupBy(rule, peers, nodes());
    default:
      return unreachable(rule.operator);
  }
}
