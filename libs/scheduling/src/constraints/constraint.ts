import type { Filter } from '../filters/filter.js';
import type { Node } from '../node.js';

export type Operator = 'UNIQUE' | 'CLUSTER' | 'GROUP_BY' | 'LIKE' | 'UNLIKE' | 'MAX_PER' | 'IS';

/** Marathon's constraint, such as `[hostname, MAX_PER, 2]`. */
export interface Rule {
  readonly field: string;
  readonly operator: Operator;
  readonly value?: string;
}

/** A node that already runs pods of the set, and how many. */
export interface Peer {
  readonly node: Node;
  readonly count: number;
}

/**
 * What a placement can change of a constraint's answer. `fixed`: nothing. `narrowing`: nodes that passed may fail later,
 * never the other way round. `balancing`: a placement on one group may let another in again.
 */
export type Effect = 'fixed' | 'narrowing' | 'balancing';

export interface Constraint extends Filter {
  readonly effect: Effect;
  readonly field: string;
  /** A pod of the set was placed there. */
  placed(node: Node): void;
}

export function nameOf(rule: Rule): string {
  return [rule.field, rule.operator, ...(rule.value === undefined ? [] : [rule.value])].join(' ');
}

/** What is told of a node that lacks the field. */
export function lacking(rule: Rule): string {
  return `has no attribute ${rule.field}`;
}

export function noEffect(): void {
  // A fixed constraint does not depend on what was placed.
}
