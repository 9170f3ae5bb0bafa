import { countIn, type PendingReasons, type PlacementRequest } from '@orrery/contracts';
import {
  fittingOnEmpty,
  NOTHING,
  plus,
  times,
  type Amounts,
  type Filter,
  type FleetNode,
  type Needs,
  type Picks,
  type Wish,
} from '@orrery/scheduling';
import { needsOf, type AllocationState } from './state.js';

/** Gangs that keep what they found for the rest of a round; those after them only try. */
const GANGS_KEEPING_MAX = 8;
/** What is counted of each resource, in the order of the funnel. */
const AMOUNTS = ['cpus', 'memory', 'disk', 'gpus', 'ports'];

/**
 * What waiting gangs keep from those after them in a round. A gang holds nothing: it has no grants until all of its pods have
 * a place. But it keeps its turn: what it found when it came is out of reach, for the rest of the round, for whoever comes
 * later, so room gathers from round to round until all fit. A gang that would not fit if nothing else ran keeps nothing.
 */
export class GangTurns {
  readonly #state: AllocationState;
  readonly #kept = new Map<number, Amounts>();
  readonly #names: string[] = [];

  constructor(state: AllocationState) {
    this.#state = state;
  }

  /** Whether any gang waits, so that rooms may be kept. */
  get any(): boolean {
    return this.#state.requests.countBy('gang', 'yes') > 0;
  }

  get mayKeep(): boolean {
    return this.#names.length < GANGS_KEEPING_MAX;
  }

  keep(row: PlacementRequest, all: readonly Picks[]): void {
    const needs = needsOf(row.needs);
    for (const { numbers, counts } of all)
      for (const [at, number] of numbers.entries())
        this.#kept.set(number, plus(this.#kept.get(number) ?? NOTHING, times(needs, counts[at]!)));
    this.#names.push(`${row.service}/${row.pod}`);
  }

  /** The filters of a wish, with one that names the room that only gangs keep it from. */
  explaining(filters: readonly Filter[], needs: Needs): readonly Filter<FleetNode>[] {
    if (this.#kept.size === 0) return filters;
    const amounts = filters.findIndex(({ name }) => AMOUNTS.includes(name));
    const at = amounts === -1 ? filters.length : amounts;
    return [...filters.slice(0, at), this.#keptFor(needs), ...filters.slice(at)];
  }

  #keptFor(needs: Needs): Filter<FleetNode> {
    const fits = (free: Amounts) =>
      RESOURCES.every((resource) => needs[resource] === 0 || needs[resource] <= free[resource]);
    const who = this.#names.join(', ');
    return {
      name: 'gangs',
      passes: ({ number, free: { cpusMilli, memoryMib, diskMib, gpuIds } }) => {
        const kept = this.#kept.get(number);
        const free = { cpusMilli, memoryMib, diskMib, gpus: gpuIds.length };
        return kept === undefined || fits(free) || !fits(plus(free, kept));
      },
      explain: ({ number }) => {
        const { cpusMilli, memoryMib } = this.#kept.get(number)!;
        return `keeps ${cpusMilli / 1000} cpus and ${memoryMib} MiB of memory for ${who}, which waits until all of its pods fit`;
      },
      remedy: (rejected) =>
        `room on ${rejected.length} agents is kept for ${who}, which came first and waits until all of its pods fit: add agents, or make that gang smaller`,
    };
  }
}

const RESOURCES = ['cpusMilli', 'memoryMib', 'diskMib', 'gpus'] as const;

/** At most so many of its pods would fit on the agents that are open, if nothing else ran. */
export function gangFittingEmpty(state: AllocationState, wish: Wish): number {
  const { fleet } = state.agents;
  return fittingOnEmpty(
    fleet.open.map((number) => fleet.nodes[number]!),
    wish,
  );
}

/** Why a gang waits: what keeps the next of its pods from a place, and how many have one. */
export function gangReasons(
  reasons: PendingReasons,
  size: number,
  fitting: number,
  fittingEmpty: number,
): PendingReasons {
  const remedy =
    fittingEmpty < size
      ? `the gang of ${size} can't be placed: even with nothing else on them, the agents have room for ${fittingEmpty}; add agents, or make it smaller`
      : `${fitting} of the ${size} pods of the gang fit now, and it waits until all do: ${reasons.remedy}`;
  return { ...reasons, remedy, gang: { size, fitting, fittingEmpty } };
}

/** Pods that a request must get at once. */
export function podsAtOnce({ gang }: PlacementRequest, left: PlacementRequest['indexes']): number {
  return gang === true ? countIn(left) : 1;
}
