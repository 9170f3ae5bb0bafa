import type { AllocationEventOf, Reserved, ReservationId } from '@orrery/contracts';
import { grow } from './look-again.js';
import { missingOn } from './reservations.js';
import { minusReserved, plusReserved, sumReserved } from './reserved-parts.js';
import type { AgentRow, AllocationState } from './state.js';

/** A part of evolve: what is kept of agents. */

export function reservationMade(state: AllocationState, made: AllocationEventOf<'ReservationMade'>['data']): void {
  const { reservation, agent, role, resources: whole, labels, refines } = made;
  const row = state.agents.get(agent);
  if (row === undefined) return;
  const from = refines === undefined ? undefined : state.reservations.get(refines);
  if (from !== undefined)
    state.reservations.put(refines!, { ...from, resources: minusReserved(from.resources, whole) });
  const refining = refines === undefined ? {} : { refines };
  const declared = made.static === true ? { static: true as const } : {};
  const resources = minusReserved(whole, refinedOut(state, reservation, row.number));
  state.reservations.put(reservation, {
    ...{ agent: row.number, role, resources, whole, labels },
    ...refining,
    ...declared,
  });
  if (made.static === true) declaredOn(state, row);
  grow(state, [row.number]);
}

/** Of one that its agent declared before. */
function refinedOut(state: AllocationState, id: ReservationId, agent: number): Reserved {
  const rows = [...state.reservations.by('agent', String(agent))];
  return sumReserved(rows.flatMap(([, { refines, whole }]) => (refines === id ? [whole] : [])));
}

/** An agent may declare more than is free there. */
function declaredOn(state: AllocationState, { pressed: _pressed, ...row }: AgentRow): void {
  state.agents.put(row.id, { ...row, ...pressedOn(state, row.number) });
}

/** What was refined out of another goes back to it. */
export function reservationsEnded(state: AllocationState, ended: readonly ReservationId[]): void {
  const agents = new Set<number>();
  for (const id of ended) {
    const row = state.reservations.get(id);
    if (row === undefined) continue;
    const from = row.refines === undefined ? undefined : state.reservations.get(row.refines);
    if (from !== undefined)
      state.reservations.put(row.refines!, { ...from, resources: plusReserved(from.resources, row.whole) });
    state.reservations.delete(id);
    agents.add(row.agent);
  }
  if (agents.size > 0) grow(state, agents);
}

/** What is in use now may be given back while others still hold too much. */
export function pressedOn(state: AllocationState, number: number): Pick<AgentRow, 'pressed'> {
  const isPressed = state.agents.fleet.isShort(number)
    ? state.reservations.countBy('agent', String(number)) > 0
    : missingOn(state, number).length > 0;
  return isPressed ? { pressed: true } : {};
}
