import { encodeCursor } from '../http/parameters.js';
import type { Page } from './query.js';

export interface ListAnswer {
  readonly items: readonly object[];
  readonly next: string | null;
}

/** A key, by which pages are cut, and the item behind it. */
export type Keyed<Item> = readonly [key: string, item: Item];

/**
 * One page out of entries in key order. Those up to and including `after` are passed over: who gives the entries may begin
 * at it, to save the way there.
 */
export function pageOfEntries<Item>(
  entries: Iterable<Keyed<Item>>,
  { limit, after }: Page,
  json: (item: Item) => object,
): ListAnswer {
  const items: object[] = [];
  let last = '';
  for (const [key, item] of entries) {
    if (after !== undefined && key <= after) continue;
    if (items.length === limit) return { items, next: encodeCursor(last) };
    items.push(json(item));
    last = key;
  }
  return { items, next: null };
}

/** Entries of several cells as one, in key order; each of them is in order already. */
export function* merged<Item>(sources: readonly Iterable<Keyed<Item>>[]): Generator<Keyed<Item>> {
  const iterators = sources.map((source) => source[Symbol.iterator]());
  const heads = iterators.map((iterator) => iterator.next());
  for (;;) {
    let least: number | undefined;
    for (const [at, head] of heads.entries()) {
      if (head.done === true) continue;
      const other = least === undefined ? undefined : heads[least]!;
      if (other === undefined || head.value[0] < (other.value as Keyed<Item>)[0]) least = at;
    }
    if (least === undefined) return;
    yield heads[least]!.value as Keyed<Item>;
    heads[least] = iterators[least]!.next();
  }
}
