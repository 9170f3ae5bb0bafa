import type { Decision, DecisionContext, IndexKeys, Prepared, Table } from '@orrery/kernel';
import type { ServicesEvent } from '@orrery/contracts';
import { evolve } from './evolve.js';
import { indexes, type Rows, type ServicesRows, type ServicesState } from './state.js';

/** A decision may take 256 KiB; the rest is for what can't wait. */
const ROOM_MAX = 208 * 1024;
/** Type, version, cause and sender of an event. */
const HEAD_LENGTH = 200;

/**
 * The events of a decision in the making, and the state as it will be after them: each event is encoded, parsed back and
 * folded as soon as it is proposed, into rows that lie over the real ones. So a rule reads what the rules before it decided,
 * nothing changes until the decision is taken, and then its rows take the place of theirs: nobody folds the events again.
 */
export class Proposal implements Prepared {
  /** As the journal will say them. */
  readonly events: ServicesEvent[] = [];
  readonly encoded: string[] = [];
  readonly state: ServicesRows;
  readonly #parts: readonly RowsOver<string, never>[];
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
    this.#parts = Object.values(this.state) as unknown as readonly RowsOver<string, never>[];
  }

  /** Characters that the journal still takes of this decision; what can wait is left for the next one. */
  get room(): number {
    return ROOM_MAX - this.#length;
  }

  get decision(): Decision<ServicesEvent> {
    return { accepted: true, events: this.events, prepared: this };
  }

  emit({ type, data }: ServicesEvent): void {
    const text = JSON.stringify(data);
    const event = { type, data: JSON.parse(text) as unknown } as ServicesEvent;
    this.events.push(event);
    this.encoded.push(text);
    this.#length += text.length + HEAD_LENGTH;
    evolve(this.state, event);
  }

  apply(): void {
    for (const rows of this.#parts) rows.apply();
  }
}

const DELETED = Symbol('deleted');

/** Changed rows over unchanged ones, in one order. What is looked up by an index is indexed on the first question. */
class RowsOver<Key extends string, Row extends object> implements Rows<Key, Row> {
  readonly #below: Table<Key, Row>;
  readonly #indexes: Readonly<Record<string, IndexKeys<Row>>>;
  /** Every key that was put or deleted. */
  #above: Map<Key, Row | typeof DELETED> | undefined;
  #filed: Map<string, Map<string, Set<Key>>> | undefined;
  /** The keys above in order, until another one comes. */
  #sorted: readonly Key[] | undefined;

  constructor(below: Table<Key, Row>, indexes: Readonly<Record<string, IndexKeys<Row>>>) {
    this.#below = below;
    this.#indexes = indexes;
  }

  get(key: Key): Row | undefined {
    const row = this.#above?.get(key);
    if (row === undefined) return this.#below.get(key);
    return row === DELETED ? undefined : row;
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  put(key: Key, row: Row): void {
    this.#write(key, row);
  }

  delete(key: Key): void {
    this.#write(key, DELETED);
  }

  /** Puts these rows in the place of those below. */
  apply(): void {
    if (this.#above === undefined) return;
    for (const [key, row] of this.#above) {
      if (row === DELETED) this.#below.delete(key);
      else this.#below.put(key, row);
    }
  }

  entries(from = ''): IterableIterator<[Key, Row]> {
    if (this.#above === undefined) return this.#below.entries(from);
    this.#sorted ??= [...this.#above.keys()].sort();
    return this.#merged(this.#above, this.#below.entries(from), this.#sorted, firstFrom(this.#sorted, from));
  }

  by(index: string, value: string): IterableIterator<[Key, Row]> {
    if (this.#above === undefined) return this.#below.by(index, value);
    const above = this.#index(this.#above, index).get(value);
    return this.#merged(this.#above, this.#below.by(index, value), above === undefined ? [] : [...above].sort());
  }

  firstBy(index: string, value: string): Row | undefined {
    if (this.#above === undefined) return this.#below.firstBy(index, value);
    for (const [, row] of this.by(index, value)) return row;
    return undefined;
  }

  *#merged(
    above: ReadonlyMap<Key, Row | typeof DELETED>,
    below: IterableIterator<[Key, Row]>,
    keys: readonly Key[],
    from = 0,
  ): IterableIterator<[Key, Row]> {
    let next = from;
    for (const entry of below) {
      if (above.has(entry[0])) continue;
      for (; next < keys.length && keys[next]! < entry[0]; next += 1) yield* entryOf(above, keys[next]!);
      yield entry;
    }
    for (; next < keys.length; next += 1) yield* entryOf(above, keys[next]!);
  }

  #write(key: Key, row: Row | typeof DELETED): void {
    const above = (this.#above ??= new Map<Key, Row | typeof DELETED>());
    const before = above.get(key);
    if (before === undefined) this.#sorted = undefined;
    above.set(key, row);
    if (this.#filed === undefined) return;
    for (const [index, filed] of this.#filed) {
      for (const value of this.#valuesOf(index, before)) filed.get(value)?.delete(key);
      for (const value of this.#valuesOf(index, row)) file(filed, value, key);
    }
  }

  #index(above: ReadonlyMap<Key, Row | typeof DELETED>, name: string): Map<string, Set<Key>> {
    this.#filed ??= new Map<string, Map<string, Set<Key>>>();
    let filed = this.#filed.get(name);
    if (filed !== undefined) return filed;
    this.#filed.set(name, (filed = new Map()));
    for (const [key, row] of above) for (const value of this.#valuesOf(name, row)) file(filed, value, key);
    return filed;
  }

  #valuesOf(index: string, row: Row | typeof DELETED | undefined): readonly string[] {
    const values = row === undefined || row === DELETED ? undefined : this.#indexes[index]!(row);
    return typeof values === 'string' ? [values] : (values ?? []);
  }
}

function* entryOf<Key, Row>(above: ReadonlyMap<Key, Row | typeof DELETED>, key: Key): IterableIterator<[Key, Row]> {
  const row = above.get(key);
  if (row !== undefined && row !== DELETED) yield [key, row];
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
