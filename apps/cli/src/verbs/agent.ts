import type { Agent, Amounts, Task } from '../answers.js';
import { argument, confirm, path, type Call } from '../call.js';
import type { Listing } from '../output/output.js';
import { showList, showObject } from '../reading.js';
import { waitUntil } from '../waiting.js';

const agents: Listing<Agent> = {
  name: (agent) => agent.id,
  columns: [
    { title: 'AGENT', cell: (agent) => agent.id },
    { title: 'HOSTNAME', cell: (agent) => agent.hostname },
    { title: 'STATE', cell: (agent) => agent.state },
    { title: 'CPUS', cell: share('cpus'), right: true },
    { title: 'MEMORY', cell: share('memory'), right: true },
    { title: 'DISK', cell: share('disk'), right: true },
    { title: 'GPUS', cell: share('gpus'), right: true },
    { title: 'ZONE', cell: (agent) => agent.domain?.zone, wide: true },
    { title: 'REGION', cell: (agent) => agent.domain?.region, wide: true },
  ],
};

export async function list(call: Call): Promise<void> {
  await showList(call, '/v1/agents', {}, agents);
}

export async function show(call: Call): Promise<void> {
  await showObject<Agent>(call, path`/v1/agents/${argument(call, 0)}`, { name: agents.name });
}

export async function drain(call: Call): Promise<void> {
  const graceMs = call.options['grace'] as number | undefined;
  await change(call, 'drain', graceMs === undefined ? {} : { 'grace-secs': graceMs / 1000 }, 'DRAINED');
}

export async function activate(call: Call): Promise<void> {
  await change(call, 'activate', {}, 'ACTIVE');
}

export async function gone(call: Call): Promise<void> {
  await confirm(call, `Declare ${argument(call, 0)} gone for ever: its tasks are lost. Go on?`);
  await change(call, 'gone', {}, 'GONE');
}

async function change(call: Call, verb: string, body: object, aim: string): Promise<void> {
  const id = argument(call, 0);
  const at = path`/v1/agents/${id}`;
  await call.gateway.change('POST', `${at}/${verb}`, { body, reason: call.options.reason });
  if (call.options.detach !== true) {
    await waitUntil(call, { waitsFor: `${verb} of ${id}` }, async () => {
      const { state } = await call.gateway.get<Agent>(at);
      const left = state === aim ? 0 : (await call.gateway.list<Task>('/v1/tasks', { agent: id })).length;
      return { done: state === aim, progress: left === 0 ? `${id} ${state}` : `${id} ${state}, ${left} tasks left` };
    });
  }
  const agent = await call.gateway.get<Agent>(at);
  await call.output.object(agent, { name: agents.name, people: () => `${id} ${agent.state}\n` });
}

function share(resource: keyof Amounts): (agent: Agent) => string {
  return (agent) => `${agent.used[resource]}/${agent.resources[resource]}`;
}
