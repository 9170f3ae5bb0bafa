import type { AgentId, Capacity, Disk, Resources } from '@orrery/contracts';
import { agentStateOf, countOnAgent, disksFreeOn, podsStaying, usedOnAgent } from '@orrery/domain';
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
    if (value === undefined) continue;
    const staying = podsStaying(cell.services, id as AgentId);
    return { value: staying.length === 0 ? value : { ...value, staying } };
  }
  throw Problem.of('unknown-agent', `there is no agent ${id}`, { remedy: 'see the list of agents' });
}

function* agentsOf(cell: Cell, from: string | undefined): Generator<Keyed<{ cell: Cell; id: AgentId }>> {
  for (const id of cell.cluster.agents.keys(from)) yield [id, { cell, id }];
}

function agentJson({ cell, cluster, allocation }: Cell, id: AgentId): object | undefined {
  const row = cluster.agents.get(id);
  if (row === undefined) return undefined;
  const { hostname, capacity, attributes, faultDomain, address, epoch, drainDeadline } = row;
  return {
    id,
    hostname,
    state: agentStateOf(row),
    resources: amounts(totalOf(capacity)),
    // What is granted there; before the allocator knows the agent, nothing is.
    used: amounts(usedOnAgent(allocation, id) ?? nothing),
    attributes,
    domain: faultDomain,
    address,
    ports: capacity.ports,
    ...(capacity.disks === undefined ? {} : { disks: disksJson(capacity.disks, disksFreeOn(allocation, id)) }),
    tasks: countOnAgent(cluster, id),
    epoch,
    cell,
    ...(drainDeadline === undefined ? {} : { drainDeadline: new Date(drainDeadline).toISOString() }),
  };
}

function totalOf({ cpusMilli, memoryMib, diskMib, gpuIds }: Capacity): Resources {
  return { cpusMilli, memoryMib, diskMib, gpus: gpuIds.length };
}

function disksJson(disks: readonly Disk[], free: ReadonlyMap<string, number>): object[] {
  return disks.map(({ name, type, path, sizeMib }) => ({
    ...{ name, type, path, size: sizeMib },
    free: free.get(name) ?? sizeMib,
  }));
}

const nothing: Resources = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpus: 0 };

function amounts({ cpusMilli, memoryMib, diskMib, gpus }: Resources): object {
  return { cpus: cpusMilli / 1000, memory: memoryMib, disk: diskMib, gpus };
}
