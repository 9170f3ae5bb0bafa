import type { AgentId } from '@orrery/contracts';
import { agentKey, type ServicesRows } from './state.js';

/** The agent that sets call by this number; one that was never named can't be the agent of anything else. */
export function agentNamed(rows: ServicesRows, number: number): AgentId {
  return rows.names.get(agentKey(number))?.agent ?? (`#${number}` as AgentId);
}

export function isNamed(rows: ServicesRows, number: number): boolean {
  return rows.names.has(agentKey(number));
}

/** How sets call this agent; nothing before its first registration. */
export function numberOf(rows: ServicesRows, agent: AgentId): number | undefined {
  for (const [, { number }] of rows.names.by('agent', agent)) return number;
  return undefined;
}
