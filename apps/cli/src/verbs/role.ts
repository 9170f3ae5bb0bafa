import type { Role } from '../answers.js';
import { argument, path, type Call } from '../call.js';
import type { Listing } from '../output/output.js';
import { showList, showObject } from '../reading.js';

const roles: Listing<Role> = {
  name: ({ role }) => role,
  columns: [
    { title: 'ROLE', cell: ({ role }) => role },
    { title: 'WEIGHT', cell: ({ weight }) => weight, right: true },
    { title: 'CPUS', cell: ({ used }) => used.cpus, right: true },
    { title: 'MEMORY MIB', cell: ({ used }) => used.memory, right: true },
    { title: 'DISK MIB', cell: ({ used }) => used.disk, right: true },
    { title: 'GPUS', cell: ({ used }) => used.gpus, right: true },
    { title: 'WAITING', cell: ({ waiting }) => waiting, right: true },
  ],
};

export async function list(call: Call): Promise<void> {
  await showList(call, '/v1/roles', {}, roles);
}

export async function show(call: Call): Promise<void> {
  await showObject<Role>(call, path`/v1/roles/${argument(call, 0)}`, { name: roles.name });
}

export async function set(call: Call): Promise<void> {
  const name = argument(call, 0);
  const at = path`/v1/roles/${name}`;
  const body = { weight: call.options['weight'] as number };
  await call.gateway.change('PUT', at, { body, reason: call.options.reason });
  const role = await call.gateway.get<Role>(at);
  await call.output.object(role, { name: roles.name, people: ({ weight }) => `${name} has weight ${weight}\n` });
}
