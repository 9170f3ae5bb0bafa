import { assert } from './assert.js';
import { ByteReader, ByteWriter, type Plain } from './encoding.js';
import { SortedKeys } from './sorted-keys.js';
import type { StatePart, StateSlices } from './state.js';
import type { UndoLog } from './undo-log.js';

/** Names the rows of a table by something else than their key: `undefined` leaves a row out, an array names it many times. */
export type IndexKeys<Row> = (row: Row) => string | readonly string[] | undefined;

/** An index that looks at these fields alone: a row that is replaced by one of the same fields keeps its names unasked. */
export interface FieldIndex<Row> {
  readonly fields: readonly (keyof Row)[];
  readonly keysOf: IndexKeys<Row>;
}

/** The compiler sees to it that nothing but the fields is looked at. */
export function over<Row, Field extends keyof Row>(
  fields: readonly Field[],
  keysOf: IndexKeys<Pick<Row, Field>>,
): FieldIndex<Row> {
  return { fields, keysOf };
}

/**
 * Something made of the rows of a table and of nothing else, such as a list that would be slow to collect anew. It hears of
 * every row that is written, rolled back or loaded, so it is never part of a snapshot and needs no undo of its own.
 */
export interface TableFollower<Key extends string, Row extends object> {
  written(key: Key, before: Row | undefined, after: Row | undefined): void;
  cleared(): void;
}

/**
 * Keyed rows, the only form of state. Rows are immutable values that `put` replaces and `delete` removes, from inside
 * `evolve` alone; they are walked in key order, so a table that was loaded from a snapshot behaves as the one that lived.
 * Each change leaves its opposite in the undo log while one is attached, and its old row in a running walk for a snapshot.
 */
export class Table<Key extends string, Row extends object> implements StatePart {
  readonly #rows = new Map<Key, Row>();
  readonly #keys = new SortedKeys<Key>();
  readonly #indexes = new Map<string, TableIndex<Key, Row>>();
  #undo: UndoLog | undefined;
  #walk: TableWalk<Key, Row> | undefined;
  readonly #followers: TableFollower<Key, Row>[] = [];

  constructor(
    readonly name: string,
    indexes: Readonly<Record<string, IndexKeys<Row> | FieldIndex<Row>>> = {},
  ) {
    for (const [index, given] of Object.entries(indexes)) {
      const { fields, keysOf } = typeof given === 'function' ? { fields: undefined, keysOf: given } : given;
      this.#indexes.set(index, new TableIndex(keysOf, fields));
    }
  }

  get size(): number {
    return this.#rows.size;
  }

  get(key: Key): Row | undefined {
    return this.#rows.get(key);
  }

  has(key: Key): boolean {
    return this.#rows.has(key);
  }

  put(key: Key, row: Row): void {
    const before = this.#rows.get(key);
    if (before === row) return;
    this.#undo?.push(() => this.#write(key, this.#rows.get(key), before));
    this.#write(key, before, row);
  }

  delete(key: Key): void {
    const before = this.#rows.get(key);
    if (before === undefined) return;
    this.#undo?.push(() => this.#write(key, this.#rows.get(key), before));
    this.#write(key, before, undefined);
  }

  /** Keys in order, from `from` (inclusive) on. */
  keys(from?: string): IterableIterator<Key> {
    return this.#keys.from(from);
  }

  /** Rows in key order, from the key `from` (inclusive) on. Copy first when the walk changes the table. */
  *entries(from?: string): IterableIterator<[Key, Row]> {
    for (const key of this.#keys.from(from)) yield [key, this.#rows.get(key)!];
  }

  *values(): IterableIterator<Row> {
    for (const key of this.#keys.from()) yield this.#rows.get(key)!;
  }

  /** Keys of the rows that the index files under `value`, in order. */
  *keysBy(index: string, value: string): IterableIterator<Key> {
    yield* this.#index(index).keys(value);
  }

  /** Rows that the index files under `value`, in key order. */
  *by(index: string, value: string): IterableIterator<[Key, Row]> {
    for (const key of this.#index(index).keys(value)) yield [key, this.#rows.get(key)!];
  }

  countBy(index: string, value: string): number {
    return this.#index(index).count(value);
  }

  /** The values under which the index files anything, in order, from `from` (inclusive) on. */
  valuesOf(index: string, from?: string): IterableIterator<string> {
    return this.#index(index).values(from);
  }

  /** The first value from `from` (inclusive) on under which the index files anything. */
  firstOf(index: string, from: string): string | undefined {
    return this.#index(index).firstValue(from);
  }

  /** The first of the rows that the index files under `value`. */
  firstBy(index: string, value: string): Row | undefined {
    const key = this.#index(index).firstKey(value);
    return key === undefined ? undefined : this.#rows.get(key);
  }

  /** From now on tells the follower of each change, after it was made. */
  follow(follower: TableFollower<Key, Row>): void {
    this.#followers.push(follower);
  }

  recordTo(undo: UndoLog | undefined): void {
    this.#undo = undo;
  }

  walk(): StateSlices {
    assert(this.#walk === undefined, 'a walk is under way', { table: this.name });
    this.#walk = new TableWalk(this.#rows, this.#keys, () => (this.#walk = undefined));
    return this.#walk;
  }

  load(slice: Uint8Array): void {
    const reader = new ByteReader(slice);
    while (!reader.done) {
      const key = reader.text() as Key;
      this.#write(key, this.#rows.get(key), reader.value() as unknown as Row);
    }
  }

  clear(): void {
    assert(this.#walk === undefined, 'a walk is under way', { table: this.name });
    this.#rows.clear();
    this.#keys.clear();
    for (const index of this.#indexes.values()) index.clear();
    for (const follower of this.#followers) follower.cleared();
  }

  #index(name: string): TableIndex<Key, Row> {
    const index = this.#indexes.get(name);
    assert(index !== undefined, 'no such index', { table: this.name, index: name });
    return index;
  }

  #write(key: Key, before: Row | undefined, row: Row | undefined): void {
    this.#walk?.keep(key, before);
    for (const index of this.#indexes.values()) index.move(key, before, row);
    if (row === undefined) {
      this.#rows.delete(key);
      this.#keys.remove(key);
    } else {
      this.#rows.set(key, row);
      if (before === undefined) this.#keys.add(key);
    }
    for (const follower of this.#followers) follower.written(key, before, row);
  }
}

class TableIndex<Key extends string, Row> {
  readonly #keysOf: IndexKeys<Row>;
  readonly #fields: readonly (keyof Row)[] | undefined;
  readonly #filed = new Map<string, SortedKeys<Key>>();
  readonly #values = new SortedKeys<string>();

  constructor(keysOf: IndexKeys<Row>, fields: readonly (keyof Row)[] | undefined) {
    this.#keysOf = keysOf;
    this.#fields = fields;
  }

  keys(value: string): IterableIterator<Key> {
    return (this.#filed.get(value) ?? new SortedKeys<Key>()).from();
  }

  count(value: string): number {
    return this.#filed.get(value)?.size ?? 0;
  }

  values(from?: string): IterableIterator<string> {
    return this.#values.from(from);
  }

  firstValue(from: string): string | undefined {
    return this.#values.first(from);
  }

  firstKey(value: string): Key | undefined {
    return this.#filed.get(value)?.first('');
  }

  move(key: Key, before: Row | undefined, after: Row | undefined): void {
    if (before !== undefined && after !== undefined && this.#looksSame(before, after)) return;
    const old = before === undefined ? undefined : this.#keysOf(before);
    const now = after === undefined ? undefined : this.#keysOf(after);
    if (old === now) return;
    for (const value of asList(old)) this.#remove(value, key);
    for (const value of asList(now)) this.#add(value, key);
  }

  clear(): void {
    this.#filed.clear();
    this.#values.clear();
  }

  #looksSame(before: Row, after: Row): boolean {
    if (this.#fields === undefined) return false;
    for (const field of this.#fields) if (before[field] !== after[field]) return false;
    return true;
  }

  #add(value: string, key: Key): void {
    let keys = this.#filed.get(value);
    if (keys === undefined) {
      keys = new SortedKeys<Key>();
      this.#filed.set(value, keys);
      this.#values.add(value);
    }
    keys.add(key);
  }

  #remove(value: string, key: Key): void {
    const keys = this.#filed.get(value);
    assert(keys !== undefined && keys.remove(key), 'index lost a key', { value, key });
    if (keys.size > 0) return;
    this.#filed.delete(value);
    this.#values.remove(value);
  }
}

const SLICE_BYTES_MIN = 256 * 1024;
const SLICE_BYTES_MAX = 512 * 1024;

/**
 * Encodes a table as it was when the walk began, a few rows at a time, while the table goes on changing: a row that changes
 * before its turn leaves its old value here first. Where a slice ends depends on its keys alone, so an insertion moves the
 * borders of at most its neighbours and equal states give equal slices, whoever walks them.
 */
class TableWalk<Key extends string, Row extends object> implements StateSlices {
  readonly #rows: ReadonlyMap<Key, Row>;
  readonly #keys: SortedKeys<Key>;
  readonly #end: () => void;
  /** Rows as they were when the walk began, of those that changed since; `undefined`: not there then. */
  readonly #kept = new Map<Key, Row | undefined>();
  readonly #gone = new SortedKeys<Key>();
  /** A fold builds equal rows alike, and some mean something by the order of their fields, such as the phases of a plan. */
  readonly #writer = new ByteWriter(SLICE_BYTES_MAX + 64 * 1024, 'as-built');
  #after: Key | undefined;

  constructor(rows: ReadonlyMap<Key, Row>, keys: SortedKeys<Key>, end: () => void) {
    this.#rows = rows;
    this.#keys = keys;
    this.#end = end;
  }

  keep(key: Key, before: Row | undefined): void {
    if (this.#after !== undefined && key <= this.#after) return;
    if (this.#kept.has(key)) return;
    this.#kept.set(key, before);
    if (before !== undefined) this.#gone.add(key);
  }

  next(rowsMax: number): { slice?: Uint8Array; done: boolean } {
    const live = this.#keys.from(this.#after);
    const kept = this.#gone.from(this.#after);
    let nextLive = this.#skip(live);
    let nextKept = this.#skip(kept);
    for (let rows = 0; rows < rowsMax; rows += 1) {
      // The same key may stand in both: it changed but is still there.
      const key = smaller(nextLive, nextKept);
      if (key === undefined) return this.#finish();
      const row = this.#kept.has(key) ? this.#kept.get(key) : this.#rows.get(key);
      if (nextLive === key) nextLive = live.next().value as Key | undefined;
      if (nextKept === key) nextKept = kept.next().value as Key | undefined;
      this.#after = key;
      if (row === undefined) continue;
      this.#writer.text(key);
      this.#writer.value(row as unknown as Plain);
      if (this.#sliceEnds(key)) return { slice: this.#takeSlice(), done: false };
    }
    return { done: false };
  }

  cancel(): void {
    this.#end();
  }

  #skip(keys: IterableIterator<Key>): Key | undefined {
    const first = keys.next().value as Key | undefined;
    return first !== undefined && first === this.#after ? (keys.next().value as Key | undefined) : first;
  }

  #finish(): { slice?: Uint8Array; done: boolean } {
    this.#end();
    return this.#writer.length === 0 ? { done: true } : { slice: this.#takeSlice(), done: true };
  }

  #sliceEnds(key: string): boolean {
    if (this.#writer.length < SLICE_BYTES_MIN) return false;
    return this.#writer.length >= SLICE_BYTES_MAX || (fnv1a(key) & 63) === 0;
  }

  #takeSlice(): Uint8Array {
    const slice = this.#writer.take();
    this.#writer.reset();
    return slice;
  }
}

function smaller<Key extends string>(left: Key | undefined, right: Key | undefined): Key | undefined {
  if (left === undefined) return right;
  return right === undefined || left < right ? left : right;
}

function asList(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}

/** FNV-1a, 32 bits (Fowler, Noll, Vo): spreads keys, keeps no secret. */
export function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index += 1) {
    hash ^= text.charCodeAt(index);
    hash = Math.imul(hash, 0x01000193);
  }
  return hash >>> 0;
}
