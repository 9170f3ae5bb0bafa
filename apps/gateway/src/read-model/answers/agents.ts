import type { AgentId, Capacity, Resources } from '@orrery/contracts';
import { agentView, usedOnAgent, type AgentView } from '@orrery/domain';
import { Problem } from '../../problem.js';
import { merged, pageOfEntries, type Keyed, type ListAnswer } from '../paging.js';
import type { Answer, Page } from '../query.js';
import type { Cell, World } from '../world.js';

export function listAgents({ cells }: World, page: Page): ListAnswer {
  return pageOfEntries(merged(cells.map((cell) => agentsOf(cell, page.after))), page, ({ cell, id }) =>
    agentJson(cell, id)!,
  );
}

export function showAgent({ cells }: World, id: string): Answer {
  for (const cell of cells) {
    const value = agentJson(cell, id as AgentId);
    if (value !== undefined) return { value };
  }
  throw Problem.of('unknown-agent', `there is no agent ${id}`, { remedy: 'see the list of agents' });
}

function* agentsOf(cell: Cell, from: string | undefined): Generator<Keyed<{ cell: Cell; id: AgentId }>> {
  for (const id of cell.cluster.agents.keys(from)) yield [id, { cell, id }];
}

function agentJson(cell: Cell, id: AgentId): object | undefined {
  const view = agentView(cell.cluster, id);
  if (view === undefined) return undefined;
  const { hostname, state, capacity, attributes, faultDomain, address, tasks, epoch, drainDeadline } = view;
  return {
    id,
    hostname,
    state,
    resources: amounts(totalOf(capacity)),
    used: amounts(heldOn(cell, view)),
    attributes,
    domain: faultDomain,
    address,
    ports: capacity.ports,
    tasks,
    epoch,
    cell: cell.cell,
    ...(drainDeadline === undefined ? {} : { drainDeadline: new Date(drainDeadline).toISOString() }),
  };
}

/** What is granted there; before the allocator knows the agent, what runs there. */
function heldOn({ allocation }: Cell, { id, used }: AgentView): Resources {
  return usedOnAgent(allocation, id) ?? used;
}

function totalOf({ cpusMilli, memoryMib, diskMib, gpuIds }: Capacity): Resources {
  return { cpusMilli, memoryMib, diskMib, gpus: gpuIds.length };
}

function amounts({ cpusMilli, memoryMib, diskMib, gpus }: Resources): object {
  return { cpus: cpusMilli / 1000, memory: memoryMib, disk: diskMib, gpus };
}
