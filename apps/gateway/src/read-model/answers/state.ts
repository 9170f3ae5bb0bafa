import { encodePosition } from '../../position.js';
import type { Answer, Page } from '../query.js';
import type { World } from '../world.js';
import { listAgents } from './agents.js';
import { listServices } from './services.js';
import { listTasks } from './tasks.js';

/** Everything at once, each list up to the limit; `next` tells which of them go on. */
export function showState(world: World, page: Page): Answer {
  const services = listServices(world, page);
  const agents = listAgents(world, page);
  const tasks = listTasks(world, {}, page);
  return {
    value: {
      at: new Date(world.atMs).toISOString(),
      position: encodePosition(world.position),
      commits: Object.fromEntries(world.position.journals),
      services: services.items,
      agents: agents.items,
      tasks: tasks.items,
      next: { services: services.next, agents: agents.next, tasks: tasks.next },
    },
  };
}
