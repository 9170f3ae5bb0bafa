import { accept, reject, type Decision, type DecisionContext } from '@orrery/kernel';
import {
  portsText,
  reservedFrom,
  reservedOf,
  type AllocationEvent,
  type GivenReserved,
  type Reservation,
  type ReservationId,
  type Reserved,
  type RoleName,
  type SharingCommand,
} from '@orrery/contracts';
import { amountsOf, minus } from '@orrery/scheduling';
import { only, shown } from './quotas.js';
import { common, without } from './ranges.js';
import { disksHeldOn, idleOn, portsHeldOn, reservedOn, type ReservedPart } from './reservations.js';
import { beyond, isNothingReserved, minusReserved, reservedText } from './reserved-parts.js';
import { RESOURCES } from './role-tree.js';
import type { AgentRow, AllocationState } from './state.js';

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
  const malformed = turnedRange(given.resources);
  if (malformed !== undefined) return malformed;
  const resources = reservedOf(given.resources);
  if (isNothingReserved(resources))
    return reject('invalid-field', 'a reservation is of something', {
      field: '/resources',
      remedy: 'name at least one amount above 0, ports or disks',
    });
  const wrong =
    refines === undefined
      ? (notOffered(row, resources) ?? tooLarge(row.number, role, resources, state))
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

function turnedRange({ ports = [] }: GivenReserved): Decision<never> | undefined {
  const turned = ports.findIndex(({ begin, end }) => begin > end);
  if (turned === -1) return undefined;
  const { begin, end } = ports[turned]!;
  return reject('invalid-field', `ports go from ${begin} to ${end}`, {
    field: `/resources/ports/${turned}`,
    remedy: 'name the lower number as begin',
  });
}

function notOffered({ id, capacity }: AgentRow, { ports = [], disks = [] }: Reserved): Decision<never> | undefined {
  const missing = without(ports, capacity.ports);
  if (missing.length > 0)
    return reject('reservation-too-large', `agent ${id} does not offer ports ${portsText(missing)}`, {
      field: '/resources/ports',
      remedy: capacity.ports.length === 0 ? 'it offers none' : `it offers ${portsText(capacity.ports)}`,
    });
  const names = (capacity.disks ?? []).map(({ name }) => name);
  const unknown = disks.find((disk) => !names.includes(disk));
  if (unknown === undefined) return undefined;
  return reject('unknown-disk', `agent ${id} declares no disk ${unknown}`, {
    field: '/resources/disks',
    remedy: names.length === 0 ? 'it declares none' : `it declares ${names.join(', ')}`,
  });
}

function tooLarge(
  agent: number,
  role: RoleName,
  resources: Reserved,
  state: AllocationState,
): Decision<never> | undefined {
  const free = minus(amountsOf(state.agents.fleet.free(agent)), idleOn(state, agent));
  const short = RESOURCES.filter((resource) => resources[resource] > 0 && resources[resource] > free[resource]);
  if (short.length === 0) return overlaps(agent, resources, state) ?? isInUse(agent, role, resources, state);
  const [wanted, left] = [shown(only(resources, short)), shown(only(free, short))];
  return reject('reservation-too-large', `${wanted} would be reserved, ${left} are free and not reserved there`, {
    field: '/resources',
    remedy: 'reserve less, free something on this agent, end another reservation, or refine one',
  });
}

/** A port or a disk is in one reservation. */
function overlaps(
  agent: number,
  { ports = [], disks = [] }: Reserved,
  state: AllocationState,
): Decision<never> | undefined {
  for (const { id, row } of reservedOn(state, agent)) {
    const both = reservedFrom(
      NO_AMOUNTS,
      common(ports, row.resources.ports ?? []),
      disks.filter((disk) => row.resources.disks?.includes(disk)),
    );
    if (isNothingReserved(both)) continue;
    return reject('reservation-overlaps', `${reservedText(both)} are in reservation ${id} of ${row.role}`, {
      field: both.ports === undefined ? '/resources/disks' : '/resources/ports',
      remedy: `reserve others, end ${id}, or refine it for a role below ${row.role}`,
    });
  }
  return undefined;
}

/** What others have can't be kept for a role. */
function isInUse(
  agent: number,
  role: RoleName,
  { ports = [], disks = [] }: Reserved,
  state: AllocationState,
): Decision<never> | undefined {
  const taken = ports.length === 0 ? [] : common(ports, portsHeldOn(state, agent, role));
  const others = disks.length === 0 ? new Set<string>() : disksHeldOn(state, agent, role);
  const both = reservedFrom(
    NO_AMOUNTS,
    taken,
    disks.filter((disk) => others.has(disk)),
  );
  if (isNothingReserved(both)) return undefined;
  return reject('resource-in-use', `${reservedText(both)} are in use by other roles than ${role}`, {
    field: both.ports === undefined ? '/resources/disks' : '/resources/ports',
    remedy: 'reserve others, or end or move who has them: see the tasks and volumes of this agent',
  });
}

interface Refinement {
  readonly agent: number;
  readonly role: string;
  readonly resources: Reserved;
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
  const short = beyond(resources, part.idle);
  if (isNothingReserved(short)) return undefined;
  const kinds = RESOURCES.filter((resource) => short[resource] > 0);
  const { ports, disks } = short;
  const things = isNothingReserved(reservedFrom(NO_AMOUNTS, ports, disks))
    ? []
    : [`${reservedText(reservedFrom(NO_AMOUNTS, ports, disks))} are not in ${refines}, or in use`];
  const amounts =
    kinds.length === 0
      ? []
      : [
          `${shown(only(resources, kinds))} would be refined, ${shown(only(part.idle, kinds))} of ${refines} are not in use`,
        ];
  return reject('reservation-too-large', [...amounts, ...things].join('; '), {
    field: '/resources',
    remedy: 'refine less, or free something in it',
  });
}

/** What is in use, what others were refined out of, and what its agent declares stays. */
export function unreserve(
  { agent, reservation }: Body<'Unreserve'>,
  state: AllocationState,
): Decision<AllocationEvent> {
  const number = state.agents.get(agent)?.number ?? 0;
  const parts = reservedOn(state, number);
  const part = parts.find(({ id }) => id === reservation);
  if (part === undefined) return unknown(reservation);
  const wrong = declaredBy(agent, part) ?? stillUsed(agent, part, parts);
  return wrong ?? accept({ type: 'ReservationEnded', data: { reservations: [reservation] } });
}

function declaredBy(agent: string, { id, row }: ReservedPart): Decision<never> | undefined {
  if (row.static !== true) return undefined;
  return reject('reservation-declared', `${id} is declared by agent ${agent} itself`, {
    field: '/reservation',
    remedy: `start ${agent} without it: what an agent declares ends when it registers without it`,
  });
}

function stillUsed(
  agent: string,
  { id, row, idle }: ReservedPart,
  parts: readonly ReservedPart[],
): Decision<never> | undefined {
  const refined = parts.filter((other) => other.row.refines === id).map((other) => other.id);
  if (refined.length > 0)
    return reject('reservation-in-use', `${refined.join(', ')} were refined out of ${id}`, {
      field: '/reservation',
      remedy: 'end those first',
    });
  const used = minusReserved(row.resources, idle);
  if (isNothingReserved(used)) return undefined;
  return reject('reservation-in-use', `${reservedText(used)} of ${id} are in use`, {
    field: '/reservation',
    remedy: `end or move the pods and volumes of ${row.role} on ${agent} first`,
  });
}

function unknown(reservation: ReservationId): Decision<never> {
  return reject('unknown-reservation', `there is no reservation ${reservation} on this agent`, {
    field: '/reservation',
    remedy: 'see the list of reservations',
  });
}

const NO_AMOUNTS = { cpusMilli: 0, memoryMib: 0, diskMib: 0, gpus: 0 };
