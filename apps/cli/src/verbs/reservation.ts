import type { Reservation } from '../answers.js';
import { argument, confirm, path, type Call } from '../call.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import type { Listing } from '../output/output.js';
import { showList } from '../reading.js';
import { amountsText, givenAmounts } from './amounts.js';

const reservations: Listing<Reservation> = {
  name: (reservation) => reservation.id,
  columns: [
    { title: 'RESERVATION', cell: (reservation) => reservation.id },
    { title: 'AGENT', cell: (reservation) => reservation.agent },
    { title: 'ROLE', cell: (reservation) => reservation.role },
    { title: 'KEEPS', cell: ({ resources }) => amountsText(resources) },
    { title: 'IDLE', cell: ({ idle }) => amountsText(idle) },
    { title: 'REFINES', cell: (reservation) => reservation.refines },
    { title: 'LABELS', cell: ({ labels }) => labelsText(labels), wide: true },
  ],
};

export async function list(call: Call): Promise<void> {
  await showList(call, '/v1/reservations', {}, reservations);
}

export async function create(call: Call): Promise<void> {
  const [role, agent] = [argument(call, 0), argument(call, 1)];
  const resources = givenAmounts(call.options);
  if (resources === undefined)
    throw new CliError('no-amounts', 'a reservation names at least one amount', {
      remedy: `for instance: orrery reservation create ${role} ${agent} --cpus 2 --memory 4096`,
      exitCode: exitCodes.usage,
    });
  const { refines, label } = call.options as { refines?: string; label?: Readonly<Record<string, string>> };
  const body = {
    ...{ agent, role, resources },
    ...(label === undefined || Object.keys(label).length === 0 ? {} : { labels: label }),
    ...(refines === undefined ? {} : { refines }),
  };
  await call.gateway.change('POST', '/v1/reservations', { body, reason: call.options.reason });
  await call.output.object(body, {
    name: () => role,
    people: () => `${amountsText(resources)} of ${agent} are kept for ${role}\n`,
  });
}

export async function remove(call: Call): Promise<void> {
  const id = argument(call, 0);
  await confirm(call, `End reservation ${id}: what it keeps is free for everyone. Go on?`);
  await call.gateway.change('DELETE', path`/v1/reservations/${id}`, { reason: call.options.reason });
  await call.output.object({ id }, { name: () => id, people: () => `${id} ended\n` });
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(', ');
}
