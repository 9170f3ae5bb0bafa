const BLOCK_KEYS_MAX = 512;

/**
 * A set of strings in code-unit order: sorted blocks of at most 512 keys, found by binary search. Insertion moves at most
 * one block, so a million keys cost about a microsecond each and a walk costs nothing but the walk.
 */
export class SortedKeys<Key extends string> {
  #blocks: Key[][] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a key; false when it was there. */
  add(key: Key): boolean {
    if (this.#blocks.length === 0) {
      this.#blocks.push([key]);
      this.#size = 1;
      return true;
    }
    const at = this.#blockOf(key);
    const block = this.#blocks[at]!;
    const position = lowerBound(block, key);
    if (block[position] === key) return false;
    block.splice(position, 0, key);
    this.#size += 1;
    if (block.length > BLOCK_KEYS_MAX) this.#blocks.splice(at + 1, 0, block.splice(BLOCK_KEYS_MAX >> 1));
    return true;
  }

  /** Removes a key; false when it was not there. */
  remove(key: Key): boolean {
    if (this.#blocks.length === 0) return false;
    const at = this.#blockOf(key);
    const block = this.#blocks[at]!;
    const position = lowerBound(block, key);
    if (block[position] !== key) return false;
    block.splice(position, 1);
    this.#size -= 1;
    if (block.length === 0) this.#blocks.splice(at, 1);
    return true;
  }

  clear(): void {
    this.#blocks = [];
    this.#size = 0;
  }

  /** Keys from `from` (inclusive) on, in order. The set may not change during the walk: copy first where it must. */
  *from(from?: string): IterableIterator<Key> {
    if (this.#blocks.length === 0) return;
    let at = from === undefined ? 0 : this.#blockOf(from);
    let position = from === undefined ? 0 : lowerBound(this.#blocks[at]!, from);
    for (; at < this.#blocks.length; at += 1, position = 0) {
      const block = this.#blocks[at]!;
      for (; position < block.length; position += 1) yield block[position]!;
    }
  }

  /** The first key from `from` (inclusive) on: a step of a walk that is seldom taken further. */
  first(from: string): Key | undefined {
    if (this.#blocks.length === 0) return undefined;
    const at = this.#blockOf(from);
    const block = this.#blocks[at]!;
    const position = lowerBound(block, from);
    return position < block.length ? block[position] : this.#blocks[at + 1]?.[0];
  }

  /** Index of the last block whose first key is not greater than `key` (the first block when all are). */
  #blockOf(key: string): number {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#blocks[middle]![0]! <= key) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

function lowerBound(block: readonly string[], key: string): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (block[middle]! < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
