import { systemClock, systemRandom } from '@orrery/control-loop';
import type { ExecRuntime } from '@orrery/runtimes';
import type { InMemoryLog } from '@orrery/testing';
import { Agent, type AgentParts } from '../../apps/agent/src/agent.js';
import { agentFacts } from '../../apps/agent/src/agent-facts.js';
import { makeAgentId } from '../../apps/agent/src/agent-id.js';
import { CheckpointFile } from '../../apps/agent/src/checkpoint-file.js';
import { readSettings } from '../../apps/agent/src/settings.js';

export interface AgentInFolder extends Pick<AgentParts, 'say' | 'onFailure' | 'onRejoin' | 'secrets'> {
  readonly folder: string;
  readonly log: InMemoryLog;
  readonly runtime: ExecRuntime;
}

/** A whole agent but for its broker, in the one lane of its log. */
export async function beginAgent({ folder, runtime, ...parts }: AgentInFolder): Promise<Agent> {
  const settings = readSettings({
    ORRERY_KAFKA: 'none',
    ORRERY_AGENT_NAME: 'spec',
    ORRERY_AGENT_DIR: folder,
    ORRERY_AGENT_LANES: '1',
  });
  return Agent.begin({
    sizes: settings,
    facts: agentFacts(settings, { isolation: runtime.isolation, engine: undefined }),
    checkpoint: await CheckpointFile.open(folder, () => makeAgentId(settings, 'host', 'beef')),
    random: systemRandom,
    clock: systemClock,
    runtime,
    ...parts,
  });
}
