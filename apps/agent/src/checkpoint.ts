import type { AgentFact } from './agent-state/agent-fact.js';
import type { AgentState } from './agent-state/agent-state.js';

/** What an agent remembers over its lives. */
export interface Checkpoint {
  /** As the last life left it; changed by the agent alone from then on. */
  readonly state: AgentState;
  /** Resolves once the facts, which are in the state already, would survive a crash. */
  append(facts: readonly AgentFact[]): Promise<void>;
  /** Forgets who this agent was: the next life joins under a new id. */
  discard(): Promise<void>;
  close(): Promise<void>;
}
