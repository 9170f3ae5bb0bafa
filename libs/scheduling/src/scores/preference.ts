import type { Constraint, FieldRule, Peer } from '../constraints/constraint.js';
import { fieldOf } from '../constraints/field.js';
import { Groups } from '../constraints/groups.js';
import { is } from '../constraints/is.js';
import { like, unlike } from '../constraints/like.js';
import type { Node } from '../node.js';

/**
 * What a set would rather have and can do without: parts of a score, never a reason against a node. A weight of 100 counts as
 * much as the whole way from an empty node to a full one.
 */
export interface Preferences {
  readonly affinities: readonly Affinity[];
  readonly spreads: readonly SpreadOver[];
}

/** Nodes that it likes, or with a weight below zero dislikes (Nomad's affinity). */
export interface Affinity {
  readonly field: string;
  readonly operator: 'IS' | 'LIKE' | 'UNLIKE';
  readonly value: string;
  /** -100 to 100. */
  readonly weight: number;
}

/** Values of a field over which it would rather be spread: evenly, or by these percents (Nomad's spread). */
export interface SpreadOver {
  readonly field: string;
  /** 1 to 100. */
  readonly weight: number;
  /** Value → percent of the set; values that are not named share what is left of 100. */
  readonly targets?: Readonly<Record<string, number>>;
}

/** The part of a node's score that never changes. */
export function likingOf(affinities: readonly Affinity[]): (node: Node) => number {
  const rules = affinities.map(({ weight, ...rule }) => ({ matches: matching(rule), part: weight / 100 }));
  return (node) => rules.reduce((sum, { matches, part }) => (matches.passes(node) ? sum + part : sum), 0);
}

function matching(rule: FieldRule): Constraint {
  if (rule.operator === 'IS') return is(rule);
  return rule.operator === 'LIKE' ? like(rule) : unlike(rule);
}

/**
 * The part of a score that says how far a group of nodes is behind its share of the set: 1 with no pod of it, 0 with its
 * share, less beyond. It falls with each pod that the group gets and depends on no other group, so one heap by group serves.
 */
export class Spreading {
  readonly #part: number;
  readonly #groups: Groups;
  readonly #targets: SpreadOver['targets'];
  readonly #size: number;
  /** Share of a group that no target names. */
  readonly #other: number;

  /** `nodes`: those that may get pods; `size`: pods that the set is to have in all. */
  constructor({ field, weight, targets }: SpreadOver, peers: readonly Peer[], nodes: Iterable<Node>, size: number) {
    this.#part = weight / 100;
    this.#groups = new Groups(field, peers);
    this.#targets = targets;
    this.#size = size;
    const unnamed = new Set<string>();
    for (const node of nodes) {
      const value = fieldOf(field, node);
      if (value !== undefined && !Object.hasOwn(targets ?? {}, value)) unnamed.add(value);
    }
    const named = Object.values(targets ?? {}).reduce((sum, percent) => sum + percent, 0);
    this.#other = Math.max(0, 100 - named) / Math.max(1, unnamed.size);
  }

  /** Nodes without the field, and groups that are to have none, stand where a group with twice its share does. */
  of(node: Node): number {
    const value = this.#groups.valueOf(node);
    if (value === undefined) return -this.#part;
    const percent = Object.hasOwn(this.#targets ?? {}, value) ? this.#targets![value]! : this.#other;
    if (percent <= 0) return -this.#part * (1 + this.#groups.count(value));
    return this.#part * (1 - this.#groups.count(value) / Math.max(1, (this.#size * percent) / 100));
  }

  placed(node: Node): void {
    this.#groups.placed(node);
  }
}

export const NO_PREFERENCES: Preferences = { affinities: [], spreads: [] };
