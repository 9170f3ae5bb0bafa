import { givenReservedOf } from '@orrery/contracts';
import { reservationViews, volumeViews, type ReservationView, type VolumeView } from '@orrery/domain';
import { Problem } from '../../problem.js';
import { merged, pageOfEntries, type Keyed, type ListAnswer } from '../paging.js';
import type { Answer, Page } from '../query.js';
import type { World } from '../world.js';

// What is kept on agents beyond the life of a pod: reservations and volumes. Ids are unique in a cell only.

export function listReservations({ cells }: World, page: Page): ListAnswer {
  const entries = cells.map(function* ({ cell, allocation }): Generator<Keyed<ReservationView>> {
    for (const view of reservationViews(allocation)) yield [`${view.reservation} ${cell}`, view];
  });
  return pageOfEntries(merged(entries), page, ({ reservation, resources, idle, ...rest }) => ({
    id: reservation,
    ...rest,
    resources: givenReservedOf(resources),
    idle: givenReservedOf(idle),
  }));
}

export function listVolumes({ cells }: World, page: Page): ListAnswer {
  const entries = cells.map(function* ({ cell, allocation }): Generator<Keyed<VolumeView>> {
    for (const view of volumeViews(allocation)) yield [`${view.volume} ${cell}`, view];
  });
  return pageOfEntries(
    merged(entries),
    page,
    ({ volume, agent, sizeMib, state, pod, index, users, adopter, ...rest }) => ({
      id: volume,
      agent: agent ?? null,
      state,
      ...{ type: rest.type, disk: rest.disk ?? null, size: sizeMib },
      ...{ name: rest.name, service: rest.service, generation: rest.generation, role: rest.role },
      pod: `${pod}-${index}`,
      ...(users === undefined ? {} : { shared: true, users }),
      ...(adopter === undefined
        ? {}
        : { adopter: { service: adopter.service, pod: `${adopter.pod}-${adopter.index}` } }),
    }),
  );
}

export function agentOf({ cells }: World, kind: 'reservation' | 'volume', id: string): Answer {
  const agents: (string | undefined)[] = [];
  for (const { allocation } of cells)
    for (const view of kind === 'volume' ? volumeViews(allocation) : reservationViews(allocation))
      if (('volume' in view ? view.volume : view.reservation) === id) agents.push(view.agent);
  const [agent, another] = agents;
  if (another !== undefined)
    throw Problem.of('invalid-parameter', `more than one cell has a ${kind} ${id}`, {
      remedy: 'name its agent as well: ?agent=',
    });
  if (agent !== undefined) return { value: { agent } };
  throw Problem.of(kind === 'volume' ? 'unknown-volume' : 'unknown-reservation', `there is no ${kind} ${id}`, {
    remedy: `see the list of ${kind}s`,
  });
}
