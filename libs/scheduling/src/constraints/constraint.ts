import type { Filter } from '../filters/filter.js';
import type { Node } from '../node.js';

export type Operator = 'UNIQUE' | 'CLUSTER' | 'GROUP_BY' | 'LIKE' | 'UNLIKE' | 'MAX_PER' | 'IS';

/** Marathon's constraint, such as `[hostname, MAX_PER, 2]`. */
export interface FieldRule {
  readonly field: string;
  readonly operator: Operator;
  readonly value?: string;
}

/** Pods of another kind, and how near is near. */
export interface Neighbour {
  /** Absent: the one of the pods that have the rule. */
  readonly service?: string;
  /** Absent: all pod types of the service, but for that of the rule. */
  readonly pod?: string;
  /** Nodes of the same value are near one another. Absent: only a node is near itself. */
  readonly field?: string;
  /** The rule is theirs: they are to be left alone. */
  readonly mutual?: true;
}

/** What must hold of a node that gets a pod: Marathon's operators, and the SDK's ways to put rules together. */
export type Rule =
  | FieldRule
  | { readonly and: readonly Rule[] }
  | { readonly or: readonly Rule[] }
  | { readonly not: Rule }
  | { readonly avoid: Neighbour }
  | { readonly colocate: Neighbour };

/** The nodes where such pods are: `avoid` asks for all that are held there, `colocate` for those that are to stay. */
export type NeighbourNodes = (of: Neighbour, by: 'avoid' | 'colocate') => Iterable<Node>;

/** A node that already runs pods of the set, and how many. */
export interface Peer {
  readonly node: Node;
  readonly count: number;
}

/**
 * What a placement can change of a constraint's answer. `fixed`: nothing ever. `settled`: not one of the set, but one of
 * others. `narrowing`: nodes that passed may fail later, never the other way round. `balancing`: a placement on one group may
 * let another in again.
 */
export type Effect = 'fixed' | 'settled' | 'narrowing' | 'balancing';

export interface Constraint extends Filter {
  readonly effect: Effect;
  /** A pod of the set was placed there. */
  placed(node: Node): void;
}

export interface Balancing extends Constraint {
  readonly effect: 'balancing';
  /** Rises when nodes that were rejected may pass again. */
  readonly openings: number;
}

export function isFieldRule(rule: Rule): rule is FieldRule {
  return 'operator' in rule;
}

export function nameOf(rule: FieldRule): string {
  return [rule.field, rule.operator, ...(rule.value === undefined ? [] : [rule.value])].join(' ');
}

/** What is told of a node that lacks the field. */
export function lacking(rule: FieldRule): string {
  return `has no attribute ${rule.field}`;
}

export function noEffect(): void {
  // A fixed constraint does not depend on what was placed.
}
