import { Table, type DecisionContext, type IndexKeys } from '@orrery/kernel';
import type { ServicesEvent } from '@orrery/contracts';
import { evolve } from './evolve.js';
import { indexes, type Rows, type ServicesRows, type ServicesState } from './state.js';

/**
 * The events of a decision in the making, and the state as it will be after them: each event is folded as soon as it is
 * proposed, into rows that lie over the real ones. So a rule reads what the rules before it decided, and nothing changes
 * until the commit is.
 */
export class Proposal {
  readonly events: ServicesEvent[] = [];
  readonly state: ServicesRows;

  constructor(
    state: ServicesState,
    readonly context: DecisionContext,
  ) {
    this.state = {
      services: new RowsOver(state.services, indexes.services),
      versions: new RowsOver(state.versions, indexes.versions),
      plans: new RowsOver(state.plans, indexes.plans),
      pods: new RowsOver(state.pods, indexes.pods),
      tallies: new RowsOver(state.tallies, indexes.tallies),
      leaving: new RowsOver(state.leaving, indexes.leaving),
      agents: new RowsOver(state.agents, indexes.agents),
    };
  }

  emit(event: ServicesEvent): void {
    this.events.push(event);
    evolve(this.state, event);
  }
}

/** Changed rows over unchanged ones, in one order. */
class RowsOver<Key extends string, Row extends object> implements Rows<Key, Row> {
  readonly #below: Table<Key, Row>;
  readonly #indexes: Readonly<Record<string, IndexKeys<Row>>>;
  /** Every key that was put or deleted; a deleted one has no row in `#above`. */
  readonly #touched = new Set<Key>();
  #above: Table<Key, Row> | undefined;

  constructor(below: Table<Key, Row>, indexes: Readonly<Record<string, IndexKeys<Row>>>) {
    this.#below = below;
    this.#indexes = indexes;
  }

  get(key: Key): Row | undefined {
    return this.#touched.has(key) ? this.#above!.get(key) : this.#below.get(key);
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined;
  }

  put(key: Key, row: Row): void {
    this.#touch(key).put(key, row);
  }

  delete(key: Key): void {
    this.#touch(key).delete(key);
  }

  *entries(from?: string): IterableIterator<[Key, Row]> {
    yield* this.#merged(this.#below.entries(from), this.#above?.entries(from));
  }

  *by(index: string, value: string): IterableIterator<[Key, Row]> {
    yield* this.#merged(this.#below.by(index, value), this.#above?.by(index, value));
  }

  countBy(index: string, value: string): number {
    if (this.#above === undefined) return this.#below.countBy(index, value);
    let count = this.#below.countBy(index, value) + this.#above.countBy(index, value);
    for (const key of this.#touched) {
      const row = this.#below.get(key);
      if (row === undefined) continue;
      const filed = this.#indexes[index]!(row);
      if (typeof filed === 'string' ? filed === value : filed?.includes(value)) count -= 1;
    }
    return count;
  }

  #touch(key: Key): Table<Key, Row> {
    this.#above ??= new Table<Key, Row>(this.#below.name, this.#indexes);
    this.#touched.add(key);
    return this.#above;
  }

  *#merged(
    below: IterableIterator<[Key, Row]>,
    above: IterableIterator<[Key, Row]> | undefined,
  ): IterableIterator<[Key, Row]> {
    let upper = above?.next();
    for (const entry of below) {
      if (this.#touched.has(entry[0])) continue;
      for (; upper !== undefined && upper.done !== true && upper.value[0] < entry[0]; upper = above!.next()) {
        yield upper.value;
      }
      yield entry;
    }
    for (; upper !== undefined && upper.done !== true; upper = above!.next()) yield upper.value;
  }
}
