import type { AgentId, ClusterEvent } from '@orrery/contracts';
import { accept, type Decision } from '@orrery/kernel';
import type { ClusterState } from './state.js';

/** A decision in the making: its events so far, and the orders that it numbered. */
export class Draft {
  readonly events: ClusterEvent[] = [];
  readonly #ordered = new Map<AgentId, number>();

  constructor(readonly state: ClusterState) {}

  add(...events: readonly ClusterEvent[]): this {
    this.events.push(...events);
    return this;
  }

  /** The number of the next order to an agent, after those of this decision. */
  nextOrder(agent: AgentId): number {
    const n = (this.#ordered.get(agent) ?? this.state.agents.get(agent)?.ordered ?? 0) + 1;
    this.#ordered.set(agent, n);
    return n;
  }

  /** A new registration counts from 1. */
  restartOrders(agent: AgentId): void {
    this.#ordered.set(agent, 0);
  }

  accept(): Decision<ClusterEvent> {
    return accept(...this.events);
  }
}
