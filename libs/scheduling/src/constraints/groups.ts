import type { Node } from '../node.js';
import type { Peer } from './constraint.js';
import { fieldOf } from './field.js';

/** How many pods of a set run on the nodes of each value of a field. */
export class Groups {
  readonly #field: string;
  readonly #counts = new Map<string, number>();

  constructor(field: string, peers: readonly Peer[]) {
    this.#field = field;
    for (const { node, count } of peers) this.#add(node, count);
  }

  valueOf(node: Node): string | undefined {
    return fieldOf(this.#field, node);
  }

  count(value: string): number {
    return this.#counts.get(value) ?? 0;
  }

  get values(): Iterable<string> {
    return this.#counts.keys();
  }

  get size(): number {
    return this.#counts.size;
  }

  placed(node: Node): void {
    this.#add(node, 1);
  }

  #add(node: Node, count: number): void {
    const value = this.valueOf(node);
    if (value !== undefined && count > 0) this.#counts.set(value, this.count(value) + count);
  }
}
