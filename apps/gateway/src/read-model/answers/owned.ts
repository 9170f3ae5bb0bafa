import { agentView, launchesOfService, ownedBy, taskViewOf } from '@orrery/domain';
import type { Answer } from '../query.js';
import type { World } from '../world.js';

const LIVING: ReadonlySet<string> = new Set(['STAGING', 'STARTING', 'RUNNING', 'KILLING', 'UNREACHABLE']);

/**
 * What there is of a service in the journals of the master and of the allocator, whether or not it is still known by name:
 * nothing of it is the proof that an uninstall gave everything back.
 */
export function showOwned({ cells }: World, name: string): Answer {
  let [tasks, volumes, reservations] = [0, 0, 0];
  const on = new Map<string, object>();
  for (const { cluster, allocation } of cells) {
    const owned = ownedBy(allocation, name);
    const agents = new Set(owned.agents);
    volumes += owned.volumes;
    reservations += owned.reservations;
    for (const row of launchesOfService(cluster, name)) {
      const { state, agent } = taskViewOf(cluster, row);
      if (!LIVING.has(state)) continue;
      tasks += 1;
      agents.add(agent);
    }
    for (const agent of agents) {
      const view = agentView(cluster, agent);
      on.set(agent, { agent, hostname: view?.hostname ?? '', state: view?.state ?? 'GONE' });
    }
  }
  return { value: { service: name, tasks, volumes, reservations, agents: [...on.values()] } };
}
