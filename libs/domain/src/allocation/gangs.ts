import { countIn, type PendingReasons } from '@orrery/contracts';
import {
  chooseDisks,
  fittingOnEmpty,
  NOTHING,
  plus,
  times,
  type Amounts,
  type Disk,
  type Filter,
  type FleetNode,
  type Needs,
  type Wish,
} from '@orrery/scheduling';
import { placeNeedsOf } from './adoption.js';
import type { GangPlaces } from './gang-places.js';
import { chargedForGang, gangsWait, sizeOfGang } from './gang-rows.js';
import { RESOURCES } from './role-tree.js';
import { ledgerOf, type AllocationState, type RequestRow } from './state.js';

/** Gangs that keep what they found for the rest of a round; those after them only try. */
const GANGS_KEEPING_MAX = 8;
/** What is counted of each resource, in the order of the funnel. */
const AMOUNTS = ['cpus', 'memory', 'disk', 'disks', 'gpus', 'ports'];

/**
 * What waiting gangs keep from those after them in a round. A gang holds nothing: it has no grants until all of its pods have
 * a place. But it keeps its turn: what it found when it came is out of reach, for the rest of the round, for whoever comes
 * later, so room gathers from round to round until all fit. A gang that would not fit if nothing else ran keeps nothing.
 */
export class GangTurns {
  readonly #state: AllocationState;
  readonly #kept = new Map<number, Kept>();
  readonly #names: string[] = [];

  constructor(state: AllocationState) {
    this.#state = state;
  }

  /** Whether any gang waits, so that rooms may be kept. */
  get any(): boolean {
    return gangsWait(this.#state);
  }

  get mayKeep(): boolean {
    return this.#names.length < GANGS_KEEPING_MAX;
  }

  keep({ parts, rows }: GangPlaces): void {
    for (const { part, picks } of parts) {
      const needs = placeNeedsOf(part);
      let pod = 0;
      for (const [at, number] of picks.numbers.entries()) {
        const kept = this.#kept.get(number) ?? { amounts: NOTHING, disks: new Map<string, number>() };
        const count = picks.counts[at]!;
        kept.amounts = plus(kept.amounts, times(needs, count));
        for (const end = pod + count; pod < end; pod += 1)
          for (const [volume, name] of (picks.disks[pod] ?? []).entries())
            kept.disks.set(name, (kept.disks.get(name) ?? 0) + needs.disks![volume]!.sizeMib);
        this.#kept.set(number, kept);
      }
    }
    this.#names.push(rows.map(({ service, pod }) => `${service}/${pod}`).join(' and '));
  }

  /** The filters of a wish, with one that names the room that only gangs keep it from. */
  explaining(filters: readonly Filter[], needs: Needs): readonly Filter<FleetNode>[] {
    if (this.#kept.size === 0) return filters;
    const amounts = filters.findIndex(({ name }) => AMOUNTS.includes(name));
    const at = amounts === -1 ? filters.length : amounts;
    return [...filters.slice(0, at), this.#keptFor(needs), ...filters.slice(at)];
  }

  #keptFor(needs: Needs): Filter<FleetNode> {
    const fits = (free: Amounts, disks: readonly Disk[]) =>
      RESOURCES.every((resource) => needs[resource] === 0 || needs[resource] <= free[resource]) &&
      (needs.disks === undefined || chooseDisks(disks, needs.disks) !== undefined);
    const who = this.#names.join(', ');
    return {
      name: 'gangs',
      passes: (node) => {
        const { cpusMilli, memoryMib, diskMib, gpuIds, disks = [] } = node.free;
        const kept = this.#kept.get(node.number);
        const free = { cpusMilli, memoryMib, diskMib, gpus: gpuIds.length };
        if (kept === undefined || fits(free, disks)) return true;
        return !fits(plus(free, kept.amounts), withKept(node, kept));
      },
      explain: ({ number }) => {
        const { amounts, disks } = this.#kept.get(number)!;
        const names = [...disks.keys()].sort();
        const also = names.length === 0 ? '' : `, and room on ${names.join(' and ')},`;
        return `keeps ${amounts.cpusMilli / 1000} cpus and ${amounts.memoryMib} MiB of memory${also} for ${who}, which waits until all of its pods fit`;
      },
      remedy: (rejected) =>
        `room on ${rejected.length} agents is kept for ${who}, which came first and waits until all of its pods fit: add agents, or make that gang smaller`,
    };
  }
}

/** On one agent: of its amounts, and of each of its disks. */
interface Kept {
  amounts: Amounts;
  readonly disks: Map<string, number>;
}

/** Its disks as they were without what gangs keep of them: of a MOUNT disk all or nothing. */
function withKept({ free: { disks = [] }, capacity }: FleetNode, kept: Kept): Disk[] {
  return disks.map((disk) => {
    const sizeMib = kept.disks.get(disk.name);
    if (sizeMib === undefined) return disk;
    const whole = capacity.disks?.find(({ name }) => name === disk.name)?.sizeMib ?? 0;
    return { ...disk, sizeMib: disk.type === 'MOUNT' ? whole : disk.sizeMib + sizeMib };
  });
}

/** At most so many of its pods would fit on the agents that are open, if nothing else ran. */
export function gangFittingEmpty(
  state: AllocationState,
  rows: readonly RequestRow[],
  wishOf: (row: RequestRow) => Wish,
): number {
  const { fleet } = state.agents;
  const nodes = fleet.open.map((number) => fleet.nodes[number]!);
  const size = sizeOfGang(rows);
  if (rows.length === 1) return fittingOnEmpty(nodes, wishOf(rows[0]!));
  const each = rows.reduce((sum, row) => sum + Math.min(countIn(row.indexes), fittingOnEmpty(nodes, wishOf(row))), 0);
  if (each < size) return each;
  const [all, { capacity }] = [chargedForGang(rows), ledgerOf(state)];
  // Each kind by itself would, all of them together are too much.
  const part = Math.min(...RESOURCES.map((resource) => (all[resource] === 0 ? 1 : capacity[resource] / all[resource])));
  return part >= 1 ? size : Math.min(size - 1, Math.floor(size * part));
}

/** Why each of its requests waits: what keeps its next pod from a place, or that others of the gang have none. */
export function gangReasons(
  { rows, parts, fitting }: GangPlaces,
  fittingEmpty: number,
  reasonsFrom: (filters: readonly Filter<FleetNode>[], needs: Needs) => PendingReasons,
): readonly (readonly [RequestRow, PendingReasons])[] {
  const size = sizeOfGang(rows);
  const fittingOf = (row: RequestRow) =>
    parts.reduce((sum, { row: of, picks }) => (of === row ? sum + picks.count : sum), 0);
  const counts = rows.map((row) => ({ pod: row.pod, size: countIn(row.indexes), fitting: fittingOf(row) }));
  const gang = { size, fitting, fittingEmpty, ...(rows.length === 1 ? {} : { parts: counts }) };
  const lacking = parts.find(({ part, picks }) => picks.count < countIn(part.indexes))!;
  const lacks = reasonsFrom(lacking.found.filters() as readonly Filter<FleetNode>[], lacking.wish.needs);
  const which = rows.length === 1 ? '' : ` (${told(counts)})`;
  const remedy =
    fittingEmpty < size
      ? `the gang of ${size}${which} can't be placed: even with nothing else on them, the agents have room for ${fittingEmpty}; add agents, or make it smaller`
      : `${fitting} of the ${size} pods of the gang${which} fit now, and it waits until all do: ${lacks.remedy}`;
  const waiting = counts.filter((part) => part.fitting < part.size);
  return rows.map((row) => {
    const own = parts.find(({ row: of, part, picks }) => of === row && picks.count < countIn(part.indexes));
    if (own === lacking) return [row, { ...lacks, remedy, gang }];
    const filters = own === undefined ? [waitsFor(told(waiting), remedy)] : own.found.filters();
    const reasons = reasonsFrom(filters as readonly Filter<FleetNode>[], (own ?? lacking).wish.needs);
    return [row, { ...reasons, remedy, gang }];
  });
}

function told(parts: readonly { readonly pod: string; readonly size: number; readonly fitting: number }[]): string {
  return parts.map(({ pod, size, fitting }) => `${fitting} of ${size} ${pod}`).join(', ');
}

/** Of pods for which there is room, while others of their gang have none. */
function waitsFor(others: string, remedy: string): Filter<FleetNode> {
  return {
    name: 'gangs',
    passes: () => false,
    explain: () => `is not asked while the gang has places for ${others}`,
    remedy: () => remedy,
  };
}
