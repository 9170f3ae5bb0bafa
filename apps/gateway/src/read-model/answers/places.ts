import {
  membersIn,
  numbersIn,
  type AllocationEvent,
  type PlacementRequest,
  type ServiceSpec,
  type ServicesEvent,
} from '@orrery/contracts';
import { allocation, services } from '@orrery/domain';
import type { DecisionContext } from '@orrery/kernel';
import type { Cell } from '../world.js';

const ROUNDS_MAX = 64;

export interface Place {
  readonly pod: string;
  readonly indexes: readonly number[];
  readonly agent: string | null;
  readonly hostname: string | null;
  /** Why there is none. */
  readonly reasons?: object;
}

/**
 * Where the first step of an apply would place its pods: both deciders decide on the state as it is, and what they decided
 * is rolled back. Nothing else runs in between, so nobody sees it.
 */
export function placesOf(cell: Cell, spec: ServiceSpec, atMs: number): Place[] {
  const wishes = requestsOf(cell, spec, atMs);
  return cell.speculate((evolve) => {
    const events: AllocationEvent[] = [];
    const decide = (input: Parameters<typeof allocation.decide>[0], seq: number): void => {
      const decision = allocation.decide(input, cell.allocation, contextOf(atMs, seq));
      for (const event of decision.accepted ? decision.events : []) {
        events.push(event);
        evolve(event);
      }
    };
    for (const [at, data] of wishes.entries()) {
      decide(
        { kind: 'foreign', domain: 'services', journalId: '', seq: 0, event: { type: 'PlacementRequested', data } },
        at + 1,
      );
    }
    for (let round = 1; round <= ROUNDS_MAX && allocation.continues!(cell.allocation); round += 1) {
      decide({ kind: 'internal', internal: { type: 'continue' } }, wishes.length + round);
    }
    const requests = new Set<string>(wishes.map(({ request }) => request));
    return events.flatMap((event) => placesIn(cell, event, requests));
  });
}

function requestsOf(cell: Cell, spec: ServiceSpec, atMs: number): PlacementRequest[] {
  const command = { type: 'ApplyService', body: spec } as const;
  const decision = services.decide(
    { kind: 'command', id: 'dry-run', actor: '', command },
    cell.services,
    contextOf(atMs, 0),
  );
  const events: readonly ServicesEvent[] = decision.accepted ? decision.events : [];
  return events.flatMap((event) => (event.type === 'PlacementRequested' ? [event.data] : []));
}

function placesIn(cell: Cell, event: AllocationEvent, requests: ReadonlySet<string>): Place[] {
  if (event.type === 'Placed' && requests.has(event.data.request)) {
    const byAgent = new Map<number, number[]>();
    for (const { agent, index } of membersIn(event.data)) {
      const indexes = byAgent.get(agent);
      if (indexes === undefined) byAgent.set(agent, [index]);
      else indexes.push(index);
    }
    return [...byAgent].map(([number, indexes]) => {
      const agent = cell.cluster.agents.numbered(number);
      return {
        pod: event.data.pod,
        indexes,
        agent: agent?.agent ?? null,
        hostname: agent?.hostname ?? null,
      };
    });
  }
  if (event.type === 'PlacementPending' && requests.has(event.data.request)) {
    const { pod, indexes, reasons } = event.data;
    return [{ pod, indexes: [...numbersIn(indexes)], agent: null, hostname: null, reasons }];
  }
  return [];
}

/** Ids that no journal has: they name nothing that stays. */
function contextOf(at: number, seq: number): DecisionContext {
  let ordinal = 0;
  return {
    at,
    seed: 0,
    seq,
    nextId: () => `dry-run.${seq}.${ordinal++}`,
    nextIds: (count) => (ordinal += count) - count,
  };
}
