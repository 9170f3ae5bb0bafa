import {
  countIn,
  reservedFrom,
  type Ranges,
  type Reserved,
  type ReservationId,
  type RoleName,
} from '@orrery/contracts';
import { amountsOf, minus, NOTHING, plus, times, type Amounts } from '@orrery/scheduling';
import { portsAt, positionsOn } from './lots.js';
import { common, normalised, without } from './ranges.js';
import { sumReserved } from './reserved-parts.js';
import { isAtOrBelow } from './rights.js';
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
  readonly resources: Reserved;
  /** What is kept, with what was refined out of it. */
  readonly whole: Reserved;
  readonly labels: Readonly<Record<string, string>>;
  readonly refines?: ReservationId;
  /** Declared by its agent, and there as long as that is so. */
  readonly static?: true;
}

/** A reservation, and what of it nobody uses. */
export interface ReservedPart {
  readonly id: ReservationId;
  readonly row: ReservationRow;
  readonly idle: Reserved;
}

/**
 * The reservations of an agent and what is idle of each. What a role holds there is counted against its own reservations in
 * the order of their ids, then against those of the roles above it, one level after the other; the rest is unreserved. Ports
 * and disks are in use where anybody has them.
 */
export function reservedOn(state: AllocationState, agent: number): ReservedPart[] {
  const rows = [...state.reservations.by('agent', String(agent))];
  if (rows.length === 0) return [];
  const idle = idleAmounts(state, agent, rows);
  const things = rows.some(([, { resources }]) => resources.ports !== undefined || resources.disks !== undefined);
  const ports = things ? portsHeldOn(state, agent) : [];
  const disks = things ? disksHeldOn(state, agent) : new Set<string>();
  return rows.map(([id, row]) => ({
    id,
    row,
    idle: reservedFrom(
      idle.get(id)!,
      without(row.resources.ports ?? [], ports),
      row.resources.disks?.filter((disk) => !disks.has(disk)),
    ),
  }));
}

function idleAmounts(
  state: AllocationState,
  agent: number,
  rows: readonly (readonly [ReservationId, ReservationRow])[],
): Map<ReservationId, Amounts> {
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
  return idle;
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

/** Ports that pods have there; with a role: those of pods that a reservation of it is not for. */
export function portsHeldOn(state: AllocationState, agent: number, besides?: RoleName): Ranges {
  const ports: [number, number][] = [];
  for (const key of state.lots.on(agent)) {
    const lot = state.lots.get(key)!;
    if (lot.ports === undefined || (besides !== undefined && isAtOrBelow(lot.role, besides))) continue;
    for (const [first, last] of positionsOn(lot, agent))
      for (const port of portsAt(lot, first, last)) ports.push([port, port]);
  }
  return normalised(ports);
}

/** Likewise the disks of their own that volumes are on. */
export function disksHeldOn(state: AllocationState, agent: number, besides?: RoleName): Set<string> {
  const disks = new Set<string>();
  for (const [, { role, disk, state: standing }] of state.volumes.by('agent', String(agent)))
    if (disk !== undefined && standing !== 'lost' && (besides === undefined || !isAtOrBelow(role, besides)))
      disks.add(disk);
  return disks;
}

export function idleOn(state: AllocationState, agent: number): Reserved {
  return sumReserved(reservedOn(state, agent).map(({ idle }) => idle));
}

/** Of what more is kept than is there: only where an agent came back with less, or with other reservations. */
export function missingOn(state: AllocationState, agent: number): string[] {
  if (state.reservations.countBy('agent', String(agent)) === 0) return [];
  const idle = idleOn(state, agent);
  const free = amountsOf(state.agents.fleet.free(agent));
  const missing: string[] = RESOURCES.filter((resource) => idle[resource] > 0 && idle[resource] > free[resource]);
  return [...missing, ...new Set(foreignOn(state, agent))];
}

/** Ports and disks that are reserved, and that others have or nobody offers. */
function* foreignOn(state: AllocationState, agent: number): IterableIterator<'ports' | 'disks'> {
  const row = state.agents.numbered(agent);
  if (row === undefined) return;
  for (const [, { role, resources }] of state.reservations.by('agent', String(agent))) {
    const { ports = [], disks = [] } = resources;
    const { capacity } = row;
    const offered = (name: string) => capacity.disks?.some((disk) => disk.name === name) === true;
    const others = disks.length === 0 ? new Set<string>() : disksHeldOn(state, agent, role);
    if (disks.some((disk) => !offered(disk) || others.has(disk))) yield 'disks';
    if (ports.length === 0) continue;
    if (without(ports, capacity.ports).length > 0) yield 'ports';
    else if (common(ports, portsHeldOn(state, agent, role)).length > 0) yield 'ports';
  }
}

/**
 * The reservations of a round: what is idle of them is withheld from the fleet, and lent to whoever may use it while its
 * pods look for places.
 */
export class RoundReservations {
  readonly #state: AllocationState;
  readonly #parts = new Map<number, KeptPart[]>();
  #borrower: RoleName | undefined;

  constructor(state: AllocationState) {
    this.#state = state;
    for (const agent of state.reservations.valuesOf('agent')) {
      const number = Number(agent);
      const parts = reservedOn(state, number).map(({ id, row: { role, resources }, idle }) => ({
        ...{ id, role, idle: amountsIn(idle) },
        ports: common(idle.ports ?? [], state.agents.fleet.portSets[number]?.ranges ?? []),
        disks: resources.disks ?? [],
      }));
      this.#parts.set(number, parts);
      this.#keep(number, sum(parts.map(({ idle }) => idle)));
      this.#keepThings(number, parts);
    }
  }

  get any(): boolean {
    return this.#parts.size > 0;
  }

  /** From now on the role finds free what is kept for it or for a role above it, and there it is looked for first. */
  lend(role: RoleName): number[] {
    this.#borrower = role;
    const agents: number[] = [];
    for (const [number, parts] of this.#parts) {
      const own = partsFor(role, parts);
      if (own.every(isEmpty)) continue;
      this.#keep(number, minus(NOTHING, sum(own.map(({ idle }) => idle))));
      if (own.some(hasThings)) this.#keepThings(number, partsNotFor(role, parts), own);
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
    for (const [number, parts] of this.#parts) {
      const own = partsFor(role, parts);
      this.#keep(number, sum(own.map(({ idle }) => idle)));
      if (!own.some(hasThings)) continue;
      const free = this.#state.agents.fleet.portSets[number]!.ranges;
      for (const part of own) part.ports = common(part.ports, free);
      this.#keepThings(number, parts);
    }
  }

  /** The fleet is as it was before the round, once the round gave back what it took. */
  close(): void {
    for (const [number, parts] of this.#parts) {
      this.#keep(number, minus(NOTHING, sum(parts.map(({ idle }) => idle))));
      this.#keepThings(number, [], parts);
    }
  }

  /** Withholds the ports and disks of some, and gives free those of others. */
  #keepThings(number: number, kept: readonly KeptPart[], freed: readonly KeptPart[] = []): void {
    if (!kept.some(hasThings) && !freed.some(hasThings)) return;
    const { fleet } = this.#state.agents;
    const ports = normalised(kept.flatMap((part) => part.ports));
    const free = normalised([...fleet.portSets[number]!.ranges, ...freed.flatMap((part) => part.ports)]);
    fleet.putPorts(number, without(free, ports), ports);
    fleet.keepDisks(
      number,
      kept.flatMap((part) => part.disks),
    );
  }

  #keep(number: number, amounts: Amounts): void {
    if (!isNothing(amounts)) this.#state.agents.fleet.keep(number, amounts);
  }
}

/** What a round withholds for a reservation. */
interface KeptPart {
  readonly id: ReservationId;
  readonly role: RoleName;
  idle: Amounts;
  ports: Ranges;
  /** In use or not: nobody else may have what is left of them. */
  readonly disks: readonly string[];
}

function partsFor(role: RoleName, parts: readonly KeptPart[]): KeptPart[] {
  return parts.filter((part) => isAtOrBelow(role, part.role));
}

function partsNotFor(role: RoleName, parts: readonly KeptPart[]): KeptPart[] {
  return parts.filter((part) => !isAtOrBelow(role, part.role));
}

function hasThings({ ports, disks }: KeptPart): boolean {
  return ports.length > 0 || disks.length > 0;
}

function isEmpty(part: KeptPart): boolean {
  return isNothing(part.idle) && !hasThings(part);
}

function amountsIn({ cpusMilli, memoryMib, diskMib, gpus }: Reserved): Amounts {
  return { cpusMilli, memoryMib, diskMib, gpus };
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
