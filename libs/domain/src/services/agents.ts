import type { AgentId } from '@orrery/contracts';
import { agentKey, type ServicesRows } from './state.js';

/** The agent that sets call by this number; one that was never named can't be the agent of anything else. */
export function agentNamed(rows: ServicesRows, number: number): AgentId {
  return rows.names.get(agentKey(number))?.agent ?? (`#${number}` as AgentId);
}

/** Where its tasks can be reached; nothing before its first registration. */
export function addressOf(rows: ServicesRows, number: number): string | undefined {
  return rows.names.get(agentKey(number))?.address;
}

/** How sets call this agent; nothing before its first registration. */
export function numberOf(rows: ServicesRows, agent: AgentId): number | undefined {
  for (const [, { number }] of rows.names.by('agent', agent)) return number;
  return undefined;
}
