import type { TableFollower } from '@orrery/kernel';
import type { AgentId } from '@orrery/contracts';
import type { Nodes } from '@orrery/scheduling';
import type { AgentRow } from './state.js';

/**
 * The open agents in the order of their ids, kept up row by row: collecting them for each decision would cost more than most
 * decisions. Made of the table alone, so it is right after a roll-back and after a boot from a snapshot.
 */
export class OpenAgents implements TableFollower<AgentId, AgentRow>, Nodes {
  readonly #collect: () => Iterable<readonly [AgentId, AgentRow]>;
  readonly #slots = new Map<string, number>();
  #rows: AgentRow[] = [];
  /** Another set of agents is open: the list is collected anew when it is asked for. */
  #stale = false;

  constructor(collect: () => Iterable<readonly [AgentId, AgentRow]>) {
    this.#collect = collect;
  }

  get all(): readonly AgentRow[] {
    this.#refresh();
    return this.#rows;
  }

  slotOf(id: string): number | undefined {
    this.#refresh();
    return this.#slots.get(id);
  }

  written(key: AgentId, before: AgentRow | undefined, after: AgentRow | undefined): void {
    const wasOpen = before !== undefined && before.closed === undefined;
    const isOpen = after !== undefined && after.closed === undefined;
    if (wasOpen !== isOpen) this.#stale = true;
    else if (isOpen && !this.#stale) this.#rows[this.#slots.get(key)!] = after;
  }

  cleared(): void {
    this.#stale = true;
  }

  #refresh(): void {
    if (!this.#stale) return;
    this.#rows = [];
    this.#slots.clear();
    for (const [id, row] of this.#collect()) {
      this.#slots.set(id, this.#rows.length);
      this.#rows.push(row);
    }
    this.#stale = false;
  }
}
