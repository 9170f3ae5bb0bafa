/** Knows its place in a ranking; -1: it stands in none. */
export interface Ranked {
  rank: number;
}

/** A binary heap whose members know where they stand, so that any of them can move or leave in O(log n). */
export class Ranking<Item extends Ranked> {
  readonly #items: Item[] = [];
  readonly #before: (left: Item, right: Item) => boolean;
  /** Sum of the weights of its members. */
  weights = 0;

  constructor(before: (left: Item, right: Item) => boolean) {
    this.#before = before;
  }

  get size(): number {
    return this.#items.length;
  }

  get first(): Item | undefined {
    return this.#items[0];
  }

  /** The one that comes after the first. */
  get second(): Item | undefined {
    const left = this.#items[1];
    const right = this.#items[2];
    return right !== undefined && this.#before(right, left!) ? right : left;
  }

  /** In no order. */
  get items(): readonly Item[] {
    return this.#items;
  }

  add(item: Item, weight: number): void {
    this.weights += weight;
    item.rank = this.#items.length;
    this.#items.push(item);
    this.#rise(item);
  }

  remove(item: Item, weight: number): void {
    const last = this.#items.pop()!;
    if (last !== item) {
      this.#put(last, item.rank);
      this.moved(last);
    }
    item.rank = -1;
    // Sums of fractions drift: an empty ranking weighs nothing.
    this.weights = this.#items.length === 0 ? 0 : this.weights - weight;
  }

  /** Puts a member where it belongs after its worth changed. */
  moved(item: Item): void {
    this.#rise(item);
    this.#sink(item);
  }

  #rise(item: Item): void {
    let at = item.rank;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#before(item, this.#items[parent]!)) break;
      this.#put(this.#items[parent]!, at);
      at = parent;
    }
    this.#put(item, at);
  }

  #sink(item: Item): void {
    const items = this.#items;
    let at = item.rank;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && this.#before(items[child + 1]!, items[child]!)) child += 1;
      if (!this.#before(items[child]!, item)) break;
      this.#put(items[child]!, at);
      at = child;
    }
    this.#put(item, at);
  }

  #put(item: Item, at: number): void {
    this.#items[at] = item;
    item.rank = at;
  }
}
