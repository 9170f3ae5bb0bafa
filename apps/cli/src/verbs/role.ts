import type { Fairness, Preemption, Role } from '../answers.js';
import { argument, path, type Call } from '../call.js';
import type { Listing } from '../output/output.js';
import { table } from '../output/table.js';
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

/** Shows who makes way for whom; with `--per-minute` sets how many may, or that it is as if nobody had. */
export async function preemption(call: Call): Promise<void> {
  const given = call.options['perMinute'] as number | 'default' | undefined;
  const show = { name: () => 'preemption', people: preemptionText };
  if (given === undefined) return showObject<Preemption>(call, '/v1/preemption', show);
  const body = given === 'default' ? {} : { perMinute: given };
  await call.gateway.change('PUT', '/v1/preemption', { body, reason: call.options.reason });
  await call.output.object(await call.gateway.get<Preemption>('/v1/preemption'), show);
}

function preemptionText({ perMinute, at, cells }: Preemption): string {
  const spent = cells.map((each) => `cell ${each.cell}: ${each.spent} of ${each.budget} in the minute before ${at}\n`);
  const orders = cells.flatMap(({ cell, orders }) => orders.map((order) => ({ cell, ...order })));
  const open = cells.reduce((sum, each) => sum + each.open, 0);
  return `${limitText(perMinute)}\n${spent.join('')}${open === 0 ? '' : `\n${ordersText(orders, open)}`}`;
}

function limitText(perMinute: number | undefined): string {
  if (perMinute === undefined) return '1 % of what runs, and at least 10 pods, may be preempted a minute';
  if (perMinute === 0) return 'preemption is off: nothing makes way';
  return `at most ${perMinute} pods may be preempted a minute in each cell`;
}

function ordersText(
  orders: readonly (Preemption['cells'][number]['orders'][number] & { readonly cell: number })[],
  open: number,
): string {
  type Order = (typeof orders)[number];
  const rows = table(
    [
      { title: 'PREEMPTION', cell: ({ preemption }: Order) => preemption },
      { title: 'CELL', cell: ({ cell }) => cell, right: true },
      { title: 'FOR', cell: ({ for: by }) => `${by.service} ${by.pod}` },
      { title: 'ROLE', cell: ({ for: by }) => by.role },
      { title: 'PRIORITY', cell: ({ for: by }) => by.priority, right: true },
      { title: 'PLACES', cell: ({ pods }) => pods, right: true },
      { title: 'AWAITED', cell: ({ awaited }) => awaited, right: true },
      { title: 'UNTIL', cell: ({ until }) => until },
    ],
    orders,
  );
  return `${rows}${open > orders.length ? `… ${open - orders.length} more\n` : ''}`;
}

export async function set(call: Call): Promise<void> {
  const role = argument(call, 0);
  const body = { weight: call.options['weight'] };
  await call.gateway.change('PUT', path`/v1/roles/${role}`, { body, reason: call.options.reason });
  const shown = await call.gateway.get<Role>(path`/v1/roles/${role}`);
  await call.output.object(shown, { name: roles.name, people: () => `${role} has weight ${shown.weight}\n` });
}
