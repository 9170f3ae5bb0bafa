import {
  keyOfStatic,
  type AgentId,
  type AllocationEvent,
  type Reservation,
  type ReservationId,
  type StaticReservation,
} from '@orrery/contracts';
import { common } from './ranges.js';
import type { ReservationRow } from './reservations.js';
import { beyond, isNothingReserved, minusReserved } from './reserved-parts.js';
import type { AllocationState } from './state.js';

/**
 * What an agent declares to be reserved on it lasts as long as it does. A reservation is the same one as before when role and
 * labels are: it keeps its id and takes on the new amounts, as long as they hold what was refined out of it. Else it ends, and
 * with it what was refined out of it; so do an operator's reservations of ports and disks that are declared now: the
 * declaration is the later word. Pods and volumes stay, whoever they are of.
 */
export function declaredAnew(
  agent: AgentId,
  declared: readonly StaticReservation[],
  state: AllocationState,
  nextId: () => string,
): { readonly ended: AllocationEvent[]; readonly made: AllocationEvent[] } {
  const number = state.agents.get(agent)?.number;
  const rows = number === undefined ? [] : [...state.reservations.by('agent', String(number))];
  const wanted = new Map(declared.map((each) => [keyOfStatic(each), each]));
  const known = new Set<string>();
  const ended: ReservationId[] = [];
  const made: AllocationEvent[] = [];
  for (const [id, row] of rows) {
    if (row.refines !== undefined) continue;
    const key = keyOfStatic(row);
    const next = row.static === true ? wanted.get(key) : undefined;
    const stays = next === undefined ? row.static !== true && !isOverlapped(row, declared) : holds(next, row);
    if (!stays) ended.push(...withRefined(id, rows));
    else if (next !== undefined) {
      known.add(key);
      if (!isEqual(next, row)) made.push(staticMade(id, agent, next));
    }
  }
  for (const [key, each] of wanted) if (!known.has(key)) made.push(staticMade(nextId() as ReservationId, agent, each));
  return {
    ended: ended.length === 0 ? [] : [{ type: 'ReservationEnded', data: { reservations: ended } }],
    made,
  };
}

function staticMade(
  reservation: ReservationId,
  agent: AgentId,
  { role, resources, labels }: StaticReservation,
): AllocationEvent {
  const data: Reservation = { reservation, agent, role, resources, labels, static: true };
  return { type: 'ReservationMade', data };
}

/** Whether what was refined out of it is still in it. */
function holds({ resources }: StaticReservation, row: ReservationRow): boolean {
  return isNothingReserved(beyond(minusReserved(row.whole, row.resources), resources));
}

function isEqual({ resources }: StaticReservation, { whole }: ReservationRow): boolean {
  return isNothingReserved(beyond(resources, whole)) && isNothingReserved(beyond(whole, resources));
}

function isOverlapped({ whole }: ReservationRow, declared: readonly StaticReservation[]): boolean {
  return declared.some(
    ({ resources: { ports = [], disks = [] } }) =>
      common(ports, whole.ports ?? []).length > 0 || disks.some((disk) => whole.disks?.includes(disk)),
  );
}

/** Those further out first, so that each gives back to one that is still there. */
function withRefined(id: ReservationId, rows: readonly (readonly [ReservationId, ReservationRow])[]): ReservationId[] {
  const refined = rows.filter(([, { refines }]) => refines === id);
  return [...refined.flatMap(([other]) => withRefined(other, rows)), id];
}
