import type { Node } from '../node.js';

/**
 * One reason why a node can't be chosen. Each stands in a file of its own, knows its name, and can say of a node that it
 * rejected what was needed and what was found, with exact numbers.
 */
export interface Filter<Candidate extends Node = Node> {
  readonly name: string;
  passes(node: Candidate): boolean;
  /** Of a node that did not pass. */
  explain(node: Candidate): string;
  /** One sentence: what would let one of these nodes, none of which passed, through. */
  remedy(rejected: readonly Candidate[]): string;
}
