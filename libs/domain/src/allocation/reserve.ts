import { accept, reject, type Decision, type DecisionContext } from '@orrery/kernel';
import {
  resourcesOf,
  type AllocationEvent,
  type Reservation,
  type ReservationId,
  type SharingCommand,
} from '@orrery/contracts';
import { amountsOf, minus, NOTHING, type Amounts } from '@orrery/scheduling';
import { only, shown } from './quotas.js';
import { idleOn, reservedOn } from './reservations.js';
import { RESOURCES } from './role-tree.js';
import type { AllocationState } from './state.js';

type Body<Type extends SharingCommand['type']> = Extract<SharingCommand, { type: Type }>['body'];

/** Keeps a part of an agent for a role: what neither a pod holds nor another reservation keeps, or a part of another one. */
export function reserve(
  { agent, role, labels = {}, refines, ...given }: Body<'Reserve'>,
  state: AllocationState,
  context: DecisionContext,
): Decision<AllocationEvent> {
  const row = state.agents.get(agent);
  if (row === undefined || row.closed === 'gone')
    return reject('unknown-agent', `there is no agent ${agent}`, { field: '/agent', remedy: 'see the list of agents' });
  if (role === '*')
    return reject('invalid-field', 'what is for everyone is not reserved', {
      field: '/role',
      remedy: 'name a role such as eng/search',
    });
  const resources: Amounts = { ...NOTHING, ...resourcesOf(given.resources) };
  if (RESOURCES.every((resource) => resources[resource] === 0))
    return reject('invalid-field', 'a reservation is of something', { field: '/resources' });
  const wrong =
    refines === undefined
      ? tooLarge(row.number, resources, state)
      : cannotRefine({ agent: row.number, role, resources, refines }, state);
  if (wrong !== undefined) return wrong;
  const reservation = context.nextId() as ReservationId;
  const data: Reservation = {
    reservation,
    agent,
    role,
    resources,
    labels,
    ...(refines === undefined ? {} : { refines }),
  };
  return accept({ type: 'ReservationMade', data });
}

function tooLarge(agent: number, resources: Amounts, state: AllocationState): Decision<never> | undefined {
  const free = minus(amountsOf(state.agents.fleet.free(agent)), idleOn(state, agent));
  const short = RESOURCES.filter((resource) => resources[resource] > 0 && resources[resource] > free[resource]);
  if (short.length === 0) return undefined;
  const [wanted, left] = [shown(only(resources, short)), shown(only(free, short))];
  return reject('reservation-too-large', `${wanted} would be reserved, ${left} are free and not reserved there`, {
    field: '/resources',
    remedy: 'reserve less, free something on this agent, end another reservation, or refine one',
  });
}

interface Refinement {
  readonly agent: number;
  readonly role: string;
  readonly resources: Amounts;
  readonly refines: ReservationId;
}

/** Only for a role further down, only what is idle: a pod in it would lose what it stands on. */
function cannotRefine(
  { agent, role, resources, refines }: Refinement,
  state: AllocationState,
): Decision<never> | undefined {
  const part = reservedOn(state, agent).find(({ id }) => id === refines);
  if (part === undefined) return unknown(refines);
  if (!role.startsWith(`${part.row.role}/`))
    return reject('reservation-overlaps', `${role} is not below ${part.row.role}, whose reservation it would overlap`, {
      field: '/refines',
      remedy: `name a role such as ${part.row.role}/search, or leave out refines`,
    });
  const short = RESOURCES.filter((resource) => resources[resource] > part.idle[resource]);
  if (short.length === 0) return undefined;
  const [wanted, left] = [shown(only(resources, short)), shown(only(part.idle, short))];
  return reject('reservation-too-large', `${wanted} would be refined, ${left} of ${refines} are not in use`, {
    field: '/resources',
    remedy: 'refine less, or free something in it',
  });
}

/** What is in use, and what others were refined out of, stays. */
export function unreserve(
  { agent, reservation }: Body<'Unreserve'>,
  state: AllocationState,
): Decision<AllocationEvent> {
  const number = state.agents.get(agent)?.number ?? 0;
  const parts = reservedOn(state, number);
  const part = parts.find(({ id }) => id === reservation);
  if (part === undefined) return unknown(reservation);
  const refined = parts.filter(({ row }) => row.refines === reservation).map(({ id }) => id);
  if (refined.length > 0)
    return reject('reservation-in-use', `${refined.join(', ')} were refined out of ${reservation}`, {
      field: '/reservation',
      remedy: 'end those first',
    });
  const used = minus(part.row.resources, part.idle);
  const inUse = RESOURCES.filter((resource) => used[resource] > 0);
  if (inUse.length > 0)
    return reject('reservation-in-use', `${shown(only(used, inUse))} of ${reservation} are in use`, {
      field: '/reservation',
      remedy: `end or move the pods and volumes of ${part.row.role} on ${agent} first`,
    });
  return accept({ type: 'ReservationEnded', data: { reservations: [reservation] } });
}

function unknown(reservation: ReservationId): Decision<never> {
  return reject('unknown-reservation', `there is no reservation ${reservation} on this agent`, {
    field: '/reservation',
    remedy: 'see the list of reservations',
  });
}
