import { cellOfName, type AgentId } from '@orrery/contracts';
import type { Settings } from './settings.js';

/** Made once and kept in the checkpoint; an agent that lost its disk is another agent. */
export function makeAgentId({ name, cell, cells, resources }: Settings, host: string, random: string): AgentId {
  const own = cell ?? cellOfName(resources.hostname ?? host, cells);
  return `${name}-${random}${own > 0 ? `.c${own}` : ''}` as AgentId;
}
