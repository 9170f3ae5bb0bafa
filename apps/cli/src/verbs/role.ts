import type { Fairness, Role } from '../answers.js';
import { argument, path, type Call } from '../call.js';
import type { Listing } from '../output/output.js';
import { showList, showObject } from '../reading.js';
import { amountsText } from './amounts.js';

const roles: Listing<Role> = {
  name: (role) => role.role,
  columns: [
    { title: 'ROLE', cell: (role) => role.role },
    { title: 'WEIGHT', cell: (role) => String(role.weight), right: true },
    { title: 'CPUS', cell: (role) => String(role.usedBelow.cpus), right: true },
    { title: 'MEMORY', cell: (role) => String(role.usedBelow.memory), right: true },
    { title: 'DISK', cell: (role) => String(role.usedBelow.disk), right: true },
    { title: 'GPUS', cell: (role) => String(role.usedBelow.gpus), right: true },
    { title: 'WAITING', cell: (role) => String(role.waiting), right: true },
    { title: 'LIMIT', cell: (role) => amountsText(role.quota?.limit) },
    { title: 'GUARANTEE', cell: (role) => amountsText(role.quota?.guarantee) },
  ],
};

export async function list(call: Call): Promise<void> {
  await showList(call, '/v1/roles', {}, roles);
}

export async function show(call: Call): Promise<void> {
  await showObject<Role>(call, path`/v1/roles/${argument(call, 0)}`, { name: roles.name });
}

/** Shows what is left out of shares; with `--scarce` leaves out these and no others. */
export async function fairness(call: Call): Promise<void> {
  const scarce = call.options['scarce'] as readonly string[] | undefined;
  const show = { name: () => 'fairness', people: fairnessText };
  if (scarce === undefined) return showObject<Fairness>(call, '/v1/fairness', show);
  await call.gateway.change('PUT', '/v1/fairness', { body: { scarce }, reason: call.options.reason });
  await call.output.object(await call.gateway.get<Fairness>('/v1/fairness'), show);
}

function fairnessText({ scarce, cells }: Fairness): string {
  const left = scarce.length === 0 ? 'nothing is left out of shares' : `${scarce.join(', ')} left out of shares`;
  return `${left}\n${cells.map(({ cell, capacity }) => `cell ${cell} shares ${amountsText(capacity)}\n`).join('')}`;
}

export async function set(call: Call): Promise<void> {
  const role = argument(call, 0);
  const body = { weight: call.options['weight'] };
  await call.gateway.change('PUT', path`/v1/roles/${role}`, { body, reason: call.options.reason });
  const shown = await call.gateway.get<Role>(path`/v1/roles/${role}`);
  await call.output.object(shown, { name: roles.name, people: () => `${role} has weight ${shown.weight}\n` });
}
