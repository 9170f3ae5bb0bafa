import { unreachable } from '@orrery/kernel';
import type { Node } from '../node.js';
import { cluster } from './cluster.js';
import type { Constraint, Effect, Peer, Rule } from './constraint.js';
import { GroupBy } from './group-by.js';
import { is } from './is.js';
import { like, unlike } from './like.js';
import { maxPer } from './max-per.js';
import { unique } from './unique.js';

/** The constraints of a set: balancing ones see the nodes that the fixed ones leave. */
export interface Constraints {
  readonly fixed: readonly Constraint[];
  readonly narrowing: readonly Constraint[];
  /** Needs the nodes that are left by avoid and the fixed constraints. */
  balancing(nodes: () => Iterable<Node>): readonly GroupBy[];
}

export function constraintsOf(rules: readonly Rule[], peers: readonly Peer[]): Constraints {
  const others = rules.filter(({ operator }) => operator !== 'GROUP_BY').map((rule) => constraintOf(rule, peers));
  const groupBys = rules.filter(({ operator }) => operator === 'GROUP_BY');
  return {
    fixed: others.filter(({ effect }) => effect === 'fixed'),
    narrowing: others.filter(({ effect }) => effect === 'narrowing'),
    balancing: (nodes) => groupBys.map((rule) => new GroupBy(rule, peers, nodes())),
  };
}

/** The strongest effect of any of the rules: whether, and which way, what is placed elsewhere can decide about a node. */
export function effectOf(rules: readonly Rule[]): Effect {
  const effects = rules.map(({ operator, value }) => {
    if (operator === 'GROUP_BY') return 'balancing';
    return narrowingOperators.has(operator) || (operator === 'CLUSTER' && value === undefined) ? 'narrowing' : 'fixed';
  });
  if (effects.includes('balancing')) return 'balancing';
  return effects.includes('narrowing') ? 'narrowing' : 'fixed';
}

const narrowingOperators: ReadonlySet<Rule['operator']> = new Set<Rule['operator']>(['UNIQUE', 'MAX_PER']);

function constraintOf(rule: Rule, peers: readonly Peer[]): Constraint {
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
      return new GroupBy(rule, peers, []);
    default:
      return unreachable(rule.operator);
  }
}
