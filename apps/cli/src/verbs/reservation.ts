import type { Reservation, Reserved } from '../answers.js';
import { argument, confirm, path, type Call } from '../call.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import { agentIdOf } from '../find-agent.js';
import { pairsText } from '../output/lines.js';
import type { Listing } from '../output/output.js';
import { showList } from '../reading.js';
import { amountsText, givenAmounts } from './amounts.js';

const reservations: Listing<Reservation> = {
  name: (reservation) => reservation.id,
  columns: [
    { title: 'RESERVATION', cell: (reservation) => reservation.id },
    { title: 'AGENT', cell: (reservation) => reservation.agent },
    { title: 'ROLE', cell: (reservation) => reservation.role },
    { title: 'KEEPS', cell: ({ resources }) => reservedText(resources) },
    { title: 'IDLE', cell: ({ idle }) => reservedText(idle) },
    { title: 'BY', cell: (reservation) => (reservation.static === true ? 'agent' : 'order') },
    { title: 'REFINES', cell: (reservation) => reservation.refines },
    { title: 'LABELS', cell: ({ labels }) => pairsText(labels), wide: true },
  ],
};

export async function list(call: Call): Promise<void> {
  await showList(call, '/v1/reservations', {}, reservations);
}

export async function create(call: Call): Promise<void> {
  const [role, named] = [argument(call, 0), argument(call, 1)];
  const { ports, wholeDisk: disks } = call.options as { ports?: Reserved['ports']; wholeDisk?: string[] };
  const resources: Partial<Reserved> = {
    ...givenAmounts(call.options),
    ...(ports === undefined ? {} : { ports }),
    ...(disks === undefined || disks.length === 0 ? {} : { disks }),
  };
  if (Object.keys(resources).length === 0)
    throw new CliError('no-amounts', 'a reservation names at least one amount, port or disk', {
      remedy: `for instance: orrery reservation create ${role} ${named} --cpus 2 --memory 4096 --ports 9092-9095`,
      exitCode: exitCodes.usage,
    });
  const { refines, label } = call.options as { refines?: string; label?: Readonly<Record<string, string>> };
  const agent = await agentIdOf(call, named);
  const body = {
    ...{ agent, role, resources },
    ...(label === undefined || Object.keys(label).length === 0 ? {} : { labels: label }),
    ...(refines === undefined ? {} : { refines }),
  };
  await call.gateway.change('POST', '/v1/reservations', { body, reason: call.options.reason });
  await call.output.object(body, {
    name: () => role,
    people: () => `${reservedText(resources)} of ${named} are kept for ${role}\n`,
  });
}

export async function remove(call: Call): Promise<void> {
  const id = argument(call, 0);
  await confirm(call, `End reservation ${id}: what it keeps is free for everyone. Go on?`);
  await call.gateway.change('DELETE', path`/v1/reservations/${id}`, { reason: call.options.reason });
  await call.output.object({ id }, { name: () => id, people: () => `${id} ended\n` });
}

/** Such as `cpus 2, ports 9092-9095`; of amounts those that are not 0. */
function reservedText({ ports = [], disks = [], ...amounts }: Partial<Reserved>): string {
  const some = Object.fromEntries(Object.entries(amounts).filter(([, amount]) => amount !== 0));
  const ranges = ports.map(({ begin, end }) => (begin === end ? String(begin) : `${begin}-${end}`));
  return [
    ...(Object.keys(some).length === 0 ? [] : [amountsText(some)]),
    ...(ranges.length === 0 ? [] : [`ports ${ranges.join(' ')}`]),
    ...(disks.length === 0 ? [] : [`disks ${disks.join(' ')}`]),
  ].join(', ');
}
