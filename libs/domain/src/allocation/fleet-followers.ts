import { Table, type TableFollower } from '@orrery/kernel';
import type { AgentId, GrantId, Ranges, VolumeId } from '@orrery/contracts';
import { Fleet, type Held } from '@orrery/scheduling';
import { padded } from './keys.js';
import { allPositions, eachRun, portsAt, type LotRow } from './lots.js';
import { positionsOf, without } from './ranges.js';
import type { AgentRow, VolumeRow } from './state.js';

/** What keeps the fleet in step with the ledger: each tells of the rows of one table, after every write and roll-back. */

/** Agents, and all of them as a fleet: what is free follows from the capacities here and from what lots and volumes hold. */
export class AgentTable extends Table<AgentId, AgentRow> implements TableFollower<AgentId, AgentRow> {
  readonly fleet: Fleet;
  readonly #numbered: (AgentRow | undefined)[] = [];

  constructor(heldOn: (number: number) => Iterable<Held>) {
    super('agents', {
      state: (row) => row.closed ?? 'open',
      grown: (row) => (row.grownAt === undefined ? undefined : padded(row.grownAt)),
    });
    this.fleet = new Fleet(heldOn);
    this.follow(this);
  }

  /** The agent of this number. */
  numbered(number: number): AgentRow | undefined {
    return this.#numbered[number];
  }

  written(_key: AgentId, before: AgentRow | undefined, after: AgentRow | undefined): void {
    if (before !== undefined && before.number !== after?.number) {
      this.#numbered[before.number] = undefined;
      this.fleet.remove(before.number);
    }
    if (after !== undefined) this.#numbered[after.number] = after;
    if (after === undefined || (before !== undefined && sameNode(before, after))) return;
    this.fleet.put(after.number, after, after.closed === undefined);
  }

  cleared(): void {
    this.#numbered.length = 0;
    this.fleet.clear();
  }
}

function sameNode(left: AgentRow, right: AgentRow): boolean {
  return (
    left.number === right.number &&
    (left.closed === undefined) === (right.closed === undefined) &&
    left.hostname === right.hostname &&
    left.capacity === right.capacity &&
    left.attributes === right.attributes &&
    left.faultDomain === right.faultDomain
  );
}

/** What grants hold beside their volumes. */
export class HeldByLots implements TableFollower<GrantId, LotRow> {
  readonly #fleet: Fleet;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  written(_key: GrantId, before: LotRow | undefined, after: LotRow | undefined): void {
    if (before?.ordinals === after?.ordinals) return;
    // A lot only loses grants, or gets them back when that is rolled back; what stays is not looked at.
    const related = before !== undefined && after !== undefined && before.needs === after.needs;
    if (before !== undefined) this.#free(before, related ? difference(before, after) : allPositions(before));
    if (after !== undefined) this.#hold(after, related ? difference(after, before) : allPositions(after));
  }

  cleared(): void {
    this.#fleet.clear();
  }

  #hold(lot: LotRow, positions: Ranges): void {
    const { needs, ports, gpuIds } = lot;
    eachRun(lot, positions, (agent, first, last) => {
      this.#fleet.hold(agent, needs, last - first + 1);
      if (ports !== undefined) this.#fleet.holdPorts(agent, portsAt(lot, first, last));
      if (gpuIds !== undefined) this.#fleet.holdGpus(agent, gpuIds.slice(first, last + 1).flat());
    });
  }

  #free(lot: LotRow, positions: Ranges): void {
    const { needs, ports, gpuIds } = lot;
    eachRun(lot, positions, (agent, first, last) => {
      this.#fleet.hold(agent, needs, first - last - 1);
      if (ports !== undefined) this.#fleet.freePorts(agent, portsAt(lot, first, last));
      if (gpuIds !== undefined) this.#fleet.freeGpus(agent, gpuIds.slice(first, last + 1).flat());
    });
  }
}

function difference(lot: LotRow, other: LotRow): Ranges {
  return positionsOf(lot.ordinals, without(lot.ordinals, other.ordinals));
}

/** The disks that volumes take: of their size, as long as their agent is not gone. */
export class HeldByVolumes implements TableFollower<VolumeId, VolumeRow> {
  readonly #fleet: Fleet;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  written(_key: VolumeId, before: VolumeRow | undefined, after: VolumeRow | undefined): void {
    if (before !== undefined && before.state !== 'lost') this.#hold(before, false);
    if (after !== undefined && after.state !== 'lost') this.#hold(after, true);
  }

  #hold({ agent, disk, sizeMib }: VolumeRow, isHeld: boolean): void {
    if (disk === undefined) this.#fleet.holdDisk(agent, isHeld ? sizeMib : -sizeMib);
    else this.#fleet.holdOnDisk(agent, disk, sizeMib, isHeld);
  }

  cleared(): void {
    this.#fleet.clear();
  }
}
