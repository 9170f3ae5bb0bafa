import {
  allocationCommandSchemas,
  cellOfAgent,
  decodeCommand,
  prepareShapes,
  type AllocationCommand,
  type AllocationEvent,
  type ClusterEvent,
  type ServicesEvent,
} from '@orrery/contracts';
import type { Hosting } from '@orrery/control-loop';
import { allocation, type AllocationState } from '@orrery/domain';

type AllocationHosting = Hosting<
  AllocationCommand,
  ClusterEvent | ServicesEvent | AllocationEvent,
  never,
  never,
  AllocationState,
  AllocationEvent
>;

/** The cell whose allocation journal is the truth about roles; the other cells follow it. */
const ROLES_CELL = 0;

/** What the allocator owns: the allocation journal, fed by facts about agents and by the wishes of services. */
export function allocationHosting(): AllocationHosting {
  prepareShapes(allocationCommandSchemas);
  return {
    domain: 'allocation',
    decider: allocation,
    decodeCommand: (name, version, body) => decodeCommand('allocation', name, version, body),
    cellOf: ({ body }) => {
      // A scheduler asks where it wants places: its commands belong where they were published.
      if ('scheduler' in body) return undefined;
      return 'agent' in body ? cellOfAgent(body.agent) : ROLES_CELL;
    },
    foreign: (cell) => [
      { domain: 'cluster', cell },
      { domain: 'services', cell },
      ...(cell === ROLES_CELL ? [] : [{ domain: 'allocation' as const, cell: ROLES_CELL }]),
    ],
  };
}
