import { lacking, nameOf, type Balancing, type Peer, type FieldRule } from './constraint.js';
import { Groups } from './groups.js';
import type { Node } from '../node.js';

/**
 * An even spread over the values of a field: a pod may go only where the fewest are. The groups are those of the nodes that
 * fixed constraints leave, full ones included: the spread is kept even when one group has no room (Marathon waits, too). A
 * number says how many groups there must be at least: as long as there are fewer, no group gets a second pod.
 */
export class GroupBy implements Balancing {
  readonly name: string;
  readonly effect = 'balancing';
  readonly #field: string;
  readonly #rule: FieldRule;
  readonly #groups: Groups;
  readonly #values: readonly string[];
  readonly #groupsMin: number;
  #fewest: number;
  /** Groups with the fewest. */
  #lowest = 0;

  constructor(rule: FieldRule, peers: readonly Peer[], nodes: Iterable<Node>) {
    this.name = nameOf(rule);
    this.#field = rule.field;
    this.#rule = rule;
    this.#groups = new Groups(rule.field, peers);
    this.#groupsMin = /^\d+$/.test(rule.value ?? '') ? Number(rule.value) : 0;
    const values = new Set<string>();
    for (const node of nodes) {
      const value = this.#groups.valueOf(node);
      if (value !== undefined) values.add(value);
    }
    this.#values = [...values];
    this.#fewest = this.#count();
  }

  /** Of the groups with the fewest: rises when the last of them got its pod. */
  get openings(): number {
    return this.#fewest;
  }

  passes(node: Node): boolean {
    const value = this.#groups.valueOf(node);
    return value !== undefined && this.#groups.count(value) <= this.#fewest;
  }

  placed(node: Node): void {
    const value = this.#groups.valueOf(node);
    const wasLowest = value !== undefined && this.#groups.count(value) === this.#fewest;
    this.#groups.placed(node);
    if (!wasLowest) return;
    this.#lowest -= 1;
    if (this.#lowest <= 0) this.#fewest = this.#count();
  }

  explain(node: Node): string {
    const value = this.#groups.valueOf(node);
    if (value === undefined) return lacking(this.#rule);
    const count = this.#groups.count(value);
    if (this.#tooFewGroups())
      return `${this.#field} ${value} has ${count} and there are ${this.#values.length} of ${this.#groupsMin} groups`;
    const behind = this.#values.filter((other) => this.#groups.count(other) === this.#fewest).sort();
    return `${this.#field} ${value} has ${count}, ${behind.slice(0, 3).join(', ')} ${this.#fewest}: the spread would be uneven`;
  }

  remedy(): string {
    if (this.#tooFewGroups())
      return `add agents in ${this.#groupsMin - this.#values.length} more values of ${this.#field}, or lower the number of GROUP_BY`;
    const behind = this.#values.filter((value) => this.#groups.count(value) === this.#fewest).sort();
    return `make room on the agents with ${this.#field} ${behind.slice(0, 3).join(', ')}: the spread over ${this.#field} is kept even`;
  }

  #tooFewGroups(): boolean {
    return this.#values.length < this.#groupsMin;
  }

  #count(): number {
    if (this.#tooFewGroups()) {
      this.#lowest = Number.POSITIVE_INFINITY;
      return 0;
    }
    let fewest = Number.POSITIVE_INFINITY;
    this.#lowest = 0;
    for (const value of this.#values) {
      const count = this.#groups.count(value);
      if (count < fewest) {
        fewest = count;
        this.#lowest = 1;
      } else if (count === fewest) this.#lowest += 1;
    }
    return this.#values.length === 0 ? 0 : fewest;
  }
}
