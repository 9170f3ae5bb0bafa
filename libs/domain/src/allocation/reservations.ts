import { countIn, type ReservationId, type Resources, type RoleName } from '@orrery/contracts';
import { amountsOf, minus, NOTHING, plus, times, type Amounts } from '@orrery/scheduling';
import { positionsOn } from './lots.js';
import { pathsOf, RESOURCES } from './role-tree.js';
import type { AllocationState } from './state.js';

/**
 * A part of an agent that is kept for a role and those below it. What of it is in use is no row: it follows from who holds
 * what on the agent, so that nothing can be lost or counted twice, whatever comes and goes.
 */
export interface ReservationRow {
  /** Its number. */
  readonly agent: number;
  readonly role: RoleName;
  /** What is kept, less what was refined out of it. */
  readonly resources: Resources;
  readonly labels: Readonly<Record<string, string>>;
  readonly refines?: ReservationId;
}

/** A reservation, and what of it nobody uses. */
export interface ReservedPart {
  readonly id: ReservationId;
  readonly row: ReservationRow;
  readonly idle: Amounts;
}

/**
 * The reservations of an agent and what is idle of each. What a role holds there is counted against its own reservations in
 * the order of their ids, then against those of the roles above it, one level after the other; the rest is unreserved.
 */
export function reservedOn(state: AllocationState, agent: number): ReservedPart[] {
  const rows = [...state.reservations.by('agent', String(agent))];
  if (rows.length === 0) return [];
  const wanted = heldByRole(state, agent);
  for (const [, { role }] of rows) if (!wanted.has(role)) wanted.set(role, NOTHING);
  for (const role of [...wanted.keys()])
    for (const path of pathsOf(role)) if (!wanted.has(path)) wanted.set(path, NOTHING);
  const idle = new Map<ReservationId, Amounts>();
  // The deepest first: what finds no reservation of its own asks the level above.
  for (const path of [...wanted.keys()].sort((left, right) => depthOf(right) - depthOf(left))) {
    let left = wanted.get(path)!;
    for (const [id, row] of rows) {
      if (row.role !== path) continue;
      const taken = least(left, row.resources);
      idle.set(id, minus(row.resources, taken));
      left = minus(left, taken);
    }
    const above = path.lastIndexOf('/');
    if (above === -1) continue;
    const parent = path.slice(0, above) as RoleName;
    wanted.set(parent, plus(wanted.get(parent)!, left));
  }
  return rows.map(([id, row]) => ({ id, row, idle: idle.get(id)! }));
}

/** What grants hold there, superseded ones too, and the disk of volumes. */
function heldByRole(state: AllocationState, agent: number): Map<RoleName, Amounts> {
  const held = new Map<RoleName, Amounts>();
  const add = (role: RoleName, amounts: Amounts) => held.set(role, plus(held.get(role) ?? NOTHING, amounts));
  for (const key of state.lots.on(agent)) {
    const lot = state.lots.get(key)!;
    add(lot.role, times(lot.needs, countIn(positionsOn(lot, agent))));
  }
  for (const [, { role, sizeMib, disk, state: standing }] of state.volumes.by('agent', String(agent)))
    if (standing !== 'lost' && disk === undefined) add(role, { ...NOTHING, diskMib: sizeMib });
  return held;
}

export function idleOn(state: AllocationState, agent: number): Amounts {
  return sum(reservedOn(state, agent).map(({ idle }) => idle));
}

/** In which resources more is kept than is free: only where an agent came back smaller. */
export function missingOn(state: AllocationState, agent: number): (keyof Amounts)[] {
  if (state.reservations.countBy('agent', String(agent)) === 0) return [];
  const idle = idleOn(state, agent);
  const free = amountsOf(state.agents.fleet.free(agent));
  return RESOURCES.filter((resource) => idle[resource] > 0 && idle[resource] > free[resource]);
}

/**
 * The reservations of a round: what is idle of them is withheld from the fleet, and lent to whoever may use it while its
 * pods look for places.
 */
export class RoundReservations {
  readonly #state: AllocationState;
  readonly #parts = new Map<number, { id: ReservationId; role: RoleName; idle: Amounts }[]>();
  #borrower: RoleName | undefined;

  constructor(state: AllocationState) {
    this.#state = state;
    for (const agent of state.reservations.valuesOf('agent')) {
      const number = Number(agent);
      const parts = reservedOn(state, number).map(({ id, row: { role }, idle }) => ({ id, role, idle }));
      this.#parts.set(number, parts);
      this.#keep(number, sum(parts.map(({ idle }) => idle)));
    }
  }

  get any(): boolean {
    return this.#parts.size > 0;
  }

  /** From now on the role finds free what is kept for it or for a role above it, and there it is looked for first. */
  lend(role: RoleName): number[] {
    this.#borrower = role;
    const agents: number[] = [];
    for (const number of this.#parts.keys()) {
      const idle = this.#idleFor(number, role);
      if (isNothing(idle)) continue;
      this.#keep(number, minus(NOTHING, idle));
      agents.push(number);
    }
    return agents;
  }

  /** So many pods were placed there while it was lent. */
  took(number: number, amounts: Amounts): void {
    const parts = this.#parts.get(number);
    if (parts === undefined) return;
    let left = amounts;
    for (const path of pathsOf(this.#borrower!).reverse())
      for (const part of parts) {
        if (part.role !== path) continue;
        const taken = least(left, part.idle);
        part.idle = minus(part.idle, taken);
        left = minus(left, taken);
      }
  }

  /** Everything that is idle is withheld again. */
  settle(): void {
    const role = this.#borrower;
    this.#borrower = undefined;
    if (role === undefined) return;
    for (const number of this.#parts.keys()) this.#keep(number, this.#idleFor(number, role));
  }

  /** The fleet is as it was before the round, once the round gave back what it took. */
  close(): void {
    for (const [number, parts] of this.#parts) this.#keep(number, minus(NOTHING, sum(parts.map(({ idle }) => idle))));
  }

  #idleFor(number: number, role: RoleName): Amounts {
    const paths = pathsOf(role);
    return sum(this.#parts.get(number)!.flatMap((part) => (paths.includes(part.role) ? [part.idle] : [])));
  }

  #keep(number: number, amounts: Amounts): void {
    if (!isNothing(amounts)) this.#state.agents.fleet.keep(number, amounts);
  }
}

function depthOf(path: string): number {
  return path.split('/').length;
}

function sum(all: readonly Amounts[]): Amounts {
  return all.reduce((total, amounts) => plus(total, amounts), NOTHING);
}

function least(left: Amounts, right: Amounts): Amounts {
  return {
    cpusMilli: Math.min(left.cpusMilli, right.cpusMilli),
    memoryMib: Math.min(left.memoryMib, right.memoryMib),
    diskMib: Math.min(left.diskMib, right.diskMib),
    gpus: Math.min(left.gpus, right.gpus),
  };
}

function isNothing(amounts: Amounts): boolean {
  return RESOURCES.every((resource) => amounts[resource] === 0);
}
