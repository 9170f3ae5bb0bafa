import type { DecisionContext, IndexKeys, Table } from '@orrery/kernel';
import type { ServicesEvent } from '@orrery/contracts';
import { lengthOf } from './event-length.js';
import { evolve } from './evolve.js';
import { indexes, type Rows, type ServicesRows, type ServicesState } from './state.js';

/** A decision may take 256 KiB; the rest is for what can't wait. */
const ROOM_MAX = 208 * 1024;
/** Type, version, cause and sender of an event. */
const HEAD_LENGTH = 200;

/**
 * The events of a decision in the making, and the state as it will be after them: each event is folded as soon as it is
 * proposed, into rows that lie over the real ones. So a rule reads what the rules before it decided, and nothing changes
 * until the commit is.
 */
export class Proposal {
  readonly events: ServicesEvent[] = [];
  readonly state: ServicesRows;
  #length = 0;

  constructor(
    state: ServicesState,
    readonly context: DecisionContext,
  ) {
    this.state = {
      services: new RowsOver(state.services, indexes.services),
      versions: new RowsOver(state.versions, indexes.versions),
      plans: new RowsOver(state.plans, indexes.plans),
      pods: new RowsOver(state.pods, indexes.pods),
      runs: new RowsOver(state.runs, indexes.runs),
      tallies: new RowsOver(state.tallies, indexes.tallies),
      leaving: new RowsOver(state.leaving, indexes.leaving),
      agents: new RowsOver(state.agents, indexes.agents),
      names: new RowsOver(state.names, indexes.names),
    };
  }

  /** Characters that the journal still takes of this decision; what can wait is left for the next one. */
  get room(): number {
    return ROOM_MAX - this.#length;
  }

  emit(event: ServicesEvent): void {
    this.tell(event);
    evolve(this.state, event);
  }

  /** An event that no rule of this decision looks for any more. */
  tell(event: ServicesEvent): void {
    this.events.push(event);
    this.#length += lengthOf(event) + HEAD_LENGTH;
  }
}

/** Changed rows over unchanged ones, in one order. What is looked up by an index is indexed on the first question. */
class RowsOver<Key extends string, Row extends object> implements Rows<Key, Row> {
  readonly #below: Table<Key, Row>;
  readonly #indexes: Readonly<Record<string, IndexKeys<Row>>>;
  /** Every key that was put or deleted; deleted ones have no row. */
  readonly #above = new Map<Key, Row | undefined>();
  readonly #filed = new Map<string, Map<string, Set<Key>>>();
  /** The keys above in order, until another one comes. */
  #sorted: readonly Key[] | undefined;

  constructor(below: Table<Key, Row>, indexes: Readonly<Record<string, IndexKeys<Row>>>) {
    this.#below = below;
    this.#indexes = indexes;
  }

  get(key: Key): Row | undefined {
    return this.#above.get(key) ?? (this.#above.has(key) ? undefined : this.#below.get(key));
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  put(key: Key, row: Row): void {
    this.#write(key, row);
  }

  delete(key: Key): void {
    this.#write(key, undefined);
  }

  entries(from = ''): IterableIterator<[Key, Row]> {
    if (this.#above.size === 0) return this.#below.entries(from);
    this.#sorted ??= [...this.#above.keys()].sort();
    return this.#merged(this.#below.entries(from), this.#sorted, firstFrom(this.#sorted, from));
  }

  by(index: string, value: string): IterableIterator<[Key, Row]> {
    if (this.#above.size === 0) return this.#below.by(index, value);
    const above = this.#index(index).get(value);
    return this.#merged(this.#below.by(index, value), above === undefined ? [] : [...above].sort());
  }

  *#merged(below: IterableIterator<[Key, Row]>, above: readonly Key[], next = 0): IterableIterator<[Key, Row]> {
    for (const entry of below) {
      if (this.#above.has(entry[0])) continue;
      for (; next < above.length && above[next]! < entry[0]; next += 1) yield* this.#entry(above[next]!);
      yield entry;
    }
    for (; next < above.length; next += 1) yield* this.#entry(above[next]!);
  }

  *#entry(key: Key): IterableIterator<[Key, Row]> {
    const row = this.#above.get(key);
    if (row !== undefined) yield [key, row];
  }

  #write(key: Key, row: Row | undefined): void {
    const before = this.#above.get(key);
    if (this.#sorted !== undefined && !this.#above.has(key)) this.#sorted = undefined;
    this.#above.set(key, row);
    for (const [index, filed] of this.#filed) {
      for (const value of this.#valuesOf(index, before)) filed.get(value)?.delete(key);
      for (const value of this.#valuesOf(index, row)) file(filed, value, key);
    }
  }

  #index(name: string): Map<string, Set<Key>> {
    let filed = this.#filed.get(name);
    if (filed !== undefined) return filed;
    this.#filed.set(name, (filed = new Map()));
    for (const [key, row] of this.#above) for (const value of this.#valuesOf(name, row)) file(filed, value, key);
    return filed;
  }

  #valuesOf(index: string, row: Row | undefined): readonly string[] {
    const values = row === undefined ? undefined : this.#indexes[index]!(row);
    return typeof values === 'string' ? [values] : (values ?? []);
  }
}

function firstFrom<Key extends string>(sorted: readonly Key[], from: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! < from) low = middle + 1;
    else high = middle;
  }
  return low;
}

function file<Key>(filed: Map<string, Set<Key>>, value: string, key: Key): void {
  const keys = filed.get(value);
  if (keys === undefined) filed.set(value, new Set([key]));
  else keys.add(key);
}
