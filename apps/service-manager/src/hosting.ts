import {
  cellOfName,
  decodeCommand,
  prepareShapes,
  servicesCommandSchemas,
  type AllocationEvent,
  type ClusterEvent,
  type ServicesCommand,
  type ServicesEvent,
} from '@orrery/contracts';
import type { Hosting } from '@orrery/control-loop';
import { services, type ServicesState } from '@orrery/domain';

type ServicesHosting = Hosting<
  ServicesCommand,
  AllocationEvent | ClusterEvent,
  never,
  never,
  ServicesState,
  ServicesEvent
>;

/** What the service-manager owns: the services journal, fed by places that were found and by what became of tasks. */
export function servicesHosting({ cells }: { readonly cells: number }): ServicesHosting {
  prepareShapes(servicesCommandSchemas);
  return {
    domain: 'services',
    decider: services,
    decodeCommand: (name, version, body) => decodeCommand('services', name, version, body),
    cellOf: (command, _subject, state) => cellOf(command, state, cells),
    foreign: (cell) => [
      { domain: 'cluster', cell },
      { domain: 'allocation', cell },
    ],
  };
}

/** Where a service lives it stays; a new one goes where its spec says, else where the hash of its name says. */
function cellOf({ body }: ServicesCommand, state: ServicesState, cells: number): number | undefined {
  if (state.services.has(body.name)) return undefined;
  const wished = 'cell' in body ? body.cell : undefined;
  if (wished === undefined) return cellOfName(body.name, cells);
  return wished < cells ? wished : undefined;
}
