import type { Agent, Amounts, Share, Task } from '../answers.js';
import { argument, confirm, path, type Call } from '../call.js';
import { agentIdOf } from '../find-agent.js';
import { pairsText } from '../output/lines.js';
import type { Listing } from '../output/output.js';
import { fields, table } from '../output/table.js';
import { showList, showObject } from '../reading.js';
import { isLiving } from '../task-states.js';
import { waitUntil } from '../waiting.js';

const TASKS_NAMED = 5;

const agents: Listing<Agent> = {
  name: (agent) => agent.id,
  columns: [
    { title: 'AGENT', cell: (agent) => agent.id },
    { title: 'HOSTNAME', cell: (agent) => agent.hostname },
    { title: 'STATE', cell: (agent) => agent.state },
    { title: 'TASKS', cell: (agent) => agent.tasks, right: true },
    { title: 'CPUS', cell: share('cpus'), right: true },
    { title: 'MEMORY MIB', cell: share('memory'), right: true },
    { title: 'DISK MIB', cell: share('disk'), right: true },
    { title: 'GPUS', cell: share('gpus'), right: true, unlessNone: (agent) => agent.resources.gpus > 0 },
    { title: 'CPU NOW', cell: ({ machine }) => machine && shareText(machine.cpus), right: true, wide: true },
    { title: 'MEMORY NOW', cell: ({ machine }) => machine && shareText(machine.memory), right: true, wide: true },
    { title: 'DISK NOW', cell: ({ machine }) => machine && shareText(machine.disk), right: true, wide: true },
    { title: 'ADDRESS', cell: (agent) => agent.address, wide: true },
    { title: 'ZONE', cell: (agent) => agent.domain?.zone, wide: true },
    { title: 'REGION', cell: (agent) => agent.domain?.region, wide: true },
    { title: 'ATTRIBUTES', cell: attributesText, wide: true },
  ],
};

export async function list(call: Call): Promise<void> {
  await showList(call, '/v1/agents', {}, agents);
}

export async function show(call: Call): Promise<void> {
  const id = await agentIdOf(call, argument(call, 0));
  await showObject<Agent>(call, path`/v1/agents/${id}`, { name: agents.name, people: agentText });
}

function agentText({ resources, used, ports, disks, machine, staying = [], ...agent }: Agent): string {
  const amounts = Object.fromEntries(
    (['cpus', 'memory', 'disk', 'gpus'] as const).map((name) => {
      const unit = name === 'memory' || name === 'disk' ? ' MiB' : '';
      return [name, `${used[name]} of ${resources[name]}${unit} used`];
    }),
  );
  const ranges = ports?.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(', ');
  const now = machine && {
    cpus: `${shareText(machine.cpus)} busy`,
    memory: `${shareText(machine.memory)} MiB`,
    disk: `${shareText(machine.disk)} MiB`,
    load: machine.load,
    at: machine.at,
  };
  const shownDisks = disks?.map(
    ({ name, type, path: place, size, free }) => `${name} ${type} ${place}: ${free} of ${size} MiB free`,
  );
  const shown = fields({
    ...agent,
    resources: amounts,
    ports: ranges,
    ...(shownDisks === undefined ? {} : { disks: shownDisks.join('; ') }),
    machine: now,
  });
  return `${shown}${stayingText(agent.id, staying)}`;
}

/** No drain moves data behind anyone's back: what stays, and what would move it. */
function stayingText(id: string, staying: NonNullable<Agent['staying']>): string {
  if (staying.length === 0) return '';
  const rows = table(
    [
      { title: 'POD', cell: ({ service, pod }) => `${service}.${pod}` },
      { title: 'VOLUMES', cell: ({ volumes }) => volumes.join(', ') },
      { title: 'TO MOVE IT, WITHOUT ITS DATA', cell: ({ service, pod }) => `orrery pod replace ${service} ${pod}` },
    ],
    staying,
  );
  const count = staying.length === 1 ? '1 pod stays' : `${staying.length} pods stay`;
  return `\n${count} here with data, to run again after \`orrery agent activate ${id}\`:\n${rows}`;
}

export async function drain(call: Call): Promise<void> {
  const graceMs = call.options['grace'] as number | undefined;
  await change(call, 'drain', graceMs === undefined ? {} : { 'grace-secs': graceMs / 1000 }, 'DRAINED');
}

export async function activate(call: Call): Promise<void> {
  await change(call, 'activate', {}, 'ACTIVE');
}

export async function gone(call: Call): Promise<void> {
  await change(call, 'gone', {}, 'GONE');
}

async function change(call: Call, verb: string, body: object, aim: string): Promise<void> {
  const id = await agentIdOf(call, argument(call, 0));
  if (verb === 'gone') await confirm(call, `Declare ${id} gone for ever: its tasks are lost. Go on?`);
  const at = path`/v1/agents/${id}`;
  await call.gateway.change('POST', `${at}/${verb}`, { body, reason: call.options.reason });
  if (call.options.detach !== true) {
    const left = async () => (await call.gateway.list<Task>('/v1/tasks', { agent: id })).filter(isLiving);
    const why = async () =>
      (await left()).slice(0, TASKS_NAMED).map((task) => `${task.id} is still ${task.state} there`);
    await waitUntil(call, { waitsFor: `${verb} of ${id}`, why }, async () => {
      const { state } = await call.gateway.get<Agent>(at);
      const count = state === aim ? 0 : (await left()).length;
      const tasks = count === 0 ? '' : `, ${count} ${count === 1 ? 'task' : 'tasks'} left`;
      return { done: state === aim, progress: `${id} ${state}${tasks}` };
    });
  }
  const agent = await call.gateway.get<Agent>(at);
  await call.output.object(agent, {
    name: agents.name,
    people: () => `${id} ${agent.state}\n${stayingText(id, agent.staying ?? [])}`,
  });
}

function share(resource: keyof Amounts): (agent: Agent) => string {
  return (agent) => `${agent.used[resource]}/${agent.resources[resource]}`;
}

function shareText({ used, of }: Share): string {
  return `${Math.round(used * 100) / 100}/${of}`;
}

function attributesText({ attributes = {} }: Agent): string {
  return pairsText(attributes, ',');
}
