import type { AgentId } from '@orrery/contracts';
import { Table } from '@orrery/kernel';
import { sortable } from './keys.js';
import type { AgentRow } from './state.js';

/** Agents by id, and by the number under which sets know them. */
export class AgentTable extends Table<AgentId, AgentRow> {
  readonly #byNumber: (AgentRow | undefined)[] = [];

  constructor() {
    super('agents', {
      known: (row) => (row.standing === 'GONE' ? undefined : 'yes'),
      held: (row) => (row.lapseHeld ? 'yes' : undefined),
      deadline: (row) => (row.drainDeadline === undefined ? undefined : 'yes'),
      losing: (row) => (row.losing ? 'yes' : undefined),
    });
    this.follow({
      written: (_, before, after) => {
        const number = after?.number ?? before!.number;
        this.#byNumber[number] = after;
      },
      cleared: () => void (this.#byNumber.length = 0),
    });
  }

  numbered(number: number): AgentRow | undefined {
    return this.#byNumber[number];
  }

  get nextNumber(): number {
    return this.size + 1;
  }
}

/** What is counted of agents, so many of them a row: they change with every order and report, the rest of an agent seldom. */
export interface CountersRow {
  /** Last n ordered in the epoch. */
  readonly ordered: readonly number[];
  /** Last m reported in the epoch. */
  readonly reported: readonly number[];
  /** Launches that live there. */
  readonly live: readonly number[];
}

export type Counter = keyof CountersRow;

const AGENTS_PER_ROW = 32;
const ZEROS: readonly number[] = Object.freeze(new Array<number>(AGENTS_PER_ROW).fill(0));
const NOTHING_COUNTED: CountersRow = { ordered: ZEROS, reported: ZEROS, live: ZEROS };

export class CounterTable extends Table<string, CountersRow> {
  readonly #keys: string[] = [];

  constructor() {
    super('counters');
  }

  ordered(agent: number): number {
    return this.#count('ordered', agent);
  }

  reported(agent: number): number {
    return this.#count('reported', agent);
  }

  live(agent: number): number {
    return this.#count('live', agent);
  }

  set(counter: Counter, agent: number, count: number): void {
    const key = this.#keyOf(agent);
    const row = this.get(key) ?? NOTHING_COUNTED;
    if (row[counter][agent % AGENTS_PER_ROW] === count) return;
    const counts = row[counter].slice();
    counts[agent % AGENTS_PER_ROW] = count;
    this.put(key, { ...row, [counter]: counts });
  }

  /** Many changes of one counter at once: agent → by how much. */
  add(counter: Counter, changes: ReadonlyMap<number, number>): void {
    const rows = new Map<string, number[]>();
    for (const [agent, change] of changes) {
      const key = this.#keyOf(agent);
      let counts = rows.get(key);
      if (counts === undefined) rows.set(key, (counts = (this.get(key) ?? NOTHING_COUNTED)[counter].slice()));
      counts[agent % AGENTS_PER_ROW]! += change;
    }
    for (const [key, counts] of rows) this.put(key, { ...(this.get(key) ?? NOTHING_COUNTED), [counter]: counts });
  }

  #count(counter: Counter, agent: number): number {
    return this.get(this.#keyOf(agent))?.[counter][agent % AGENTS_PER_ROW] ?? 0;
  }

  #keyOf(agent: number): string {
    const row = Math.floor(agent / AGENTS_PER_ROW);
    return (this.#keys[row] ??= sortable(row));
  }
}
