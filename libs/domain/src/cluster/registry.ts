import type { AgentId } from '@orrery/contracts';
import { Table } from '@orrery/kernel';
import { sortable } from './keys.js';
import type { AgentRow } from './state.js';

const NONE = -1;

/**
 * Agents by id, and by the number under which sets know them. What each launch and report of each of them asks stands in
 * columns: a million questions that would each fetch a row from memory.
 */
export class AgentTable extends Table<AgentId, AgentRow> {
  readonly #byNumber: (AgentRow | undefined)[] = [];
  readonly #epochs: number[] = [];
  /** The epoch while launches are accepted. */
  readonly #taking: number[] = [];

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
        write(this.#epochs, number, after?.epoch ?? NONE, NONE);
        write(this.#taking, number, after?.standing === 'ACTIVE' && after.reachable ? after.epoch : NONE, NONE);
      },
      cleared: () => {
        for (const column of [this.#byNumber, this.#epochs, this.#taking]) column.length = 0;
      },
    });
  }

  numbered(number: number): AgentRow | undefined {
    return this.#byNumber[number];
  }

  /** Its last registration; -1: there is none. */
  epochOf(number: number): number {
    return this.#epochs[number] ?? NONE;
  }

  /** Whether launches are accepted for this registration of the agent. */
  takesLaunches(number: number, epoch: number): boolean {
    return this.#taking[number] === epoch;
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

const counters = ['ordered', 'reported', 'live'] as const satisfies readonly Counter[];

const AGENTS_PER_ROW = 32;
const ZEROS: readonly number[] = Object.freeze(new Array<number>(AGENTS_PER_ROW).fill(0));
const NOTHING_COUNTED: CountersRow = { ordered: ZEROS, reported: ZEROS, live: ZEROS };

export class CounterTable extends Table<string, CountersRow> {
  readonly #keys: string[] = [];
  /** The same by number of the agent. */
  readonly #counts: Readonly<Record<Counter, number[]>> = { ordered: [], reported: [], live: [] };

  constructor() {
    super('counters');
    this.follow({
      written: (key, before = NOTHING_COUNTED, after = NOTHING_COUNTED) => this.#note(rowOf(key), before, after),
      cleared: () => {
        for (const counter of counters) this.#counts[counter].length = 0;
      },
    });
  }

  ordered(agent: number): number {
    return this.#counts.ordered[agent] ?? 0;
  }

  reported(agent: number): number {
    return this.#counts.reported[agent] ?? 0;
  }

  live(agent: number): number {
    return this.#counts.live[agent] ?? 0;
  }

  set(counter: Counter, agent: number, count: number): void {
    if (this.#counts[counter][agent] === count) return;
    const draft = this.draft();
    draft.set(counter, agent, count);
    draft.write();
  }

  /** For many changes at once. */
  draft(): CountersDraft {
    return new CountersDraft(this);
  }

  keyOf(row: number): string {
    return (this.#keys[row] ??= sortable(row));
  }

  #note(row: number, before: CountersRow, after: CountersRow): void {
    const first = row * AGENTS_PER_ROW;
    for (const counter of counters) {
      if (before[counter] === after[counter]) continue;
      const counts = this.#counts[counter];
      for (let at = 0; at < AGENTS_PER_ROW; at += 1) write(counts, first + at, after[counter][at]!, 0);
    }
  }
}

/** Counters while one event changes them: rows are immutable, so each is copied once, and written when all is done. */
export class CountersDraft {
  readonly #table: CounterTable;
  /** By row; those that change were copied. */
  readonly #rows = new Map<number, Partial<Record<Counter, number[]>>>();

  constructor(table: CounterTable) {
    this.#table = table;
  }

  add(counter: Counter, agent: number, change: number): void {
    this.#counts(counter, agent)[agent % AGENTS_PER_ROW]! += change;
  }

  set(counter: Counter, agent: number, count: number): void {
    this.#counts(counter, agent)[agent % AGENTS_PER_ROW] = count;
  }

  write(): void {
    for (const [row, changed] of this.#rows) {
      const key = this.#table.keyOf(row);
      this.#table.put(key, { ...(this.#table.get(key) ?? NOTHING_COUNTED), ...changed });
    }
  }

  #counts(counter: Counter, agent: number): number[] {
    const row = Math.floor(agent / AGENTS_PER_ROW);
    let changed = this.#rows.get(row);
    if (changed === undefined) this.#rows.set(row, (changed = {}));
    return (changed[counter] ??= (this.#table.get(this.#table.keyOf(row)) ?? NOTHING_COUNTED)[counter].slice());
  }
}

function rowOf(key: string): number {
  return Number(key.slice(1));
}

/** Columns have no holes: an engine would keep those as dictionaries. */
function write(column: number[], at: number, value: number, none: number): void {
  while (column.length < at) column.push(none);
  column[at] = value;
}
