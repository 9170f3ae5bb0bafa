import { countIn } from '@orrery/contracts';
import type { Evictions } from '@orrery/scheduling';
import type { AdoptingRow } from './adoption.js';
import type { Evictables, LotGroup } from './evictables.js';
import type { GangPart, GangPlaces, SeekPlaces } from './gang-places.js';
import type { RequestRow } from './state.js';
import type { TrialRoom } from './trial-room.js';

/** A gang that found places for some of its pods, and keeps these. */
export interface WaitingGang {
  readonly places: GangPlaces;
  /** Lets more places be tried beside those that it keeps: nothing of it stays. */
  readonly tryOut: <Value>(plan: (seek: SeekPlaces) => Value) => Value;
  /** Nothing that is placed elsewhere decides about a place for it. */
  readonly isFixed: (row: AdoptingRow) => boolean;
}

/** Of one of its requests: where all of its pods would be, and who makes way for them. */
export type PlannedRequest = Pick<Evictions<LotGroup>, 'places' | 'victims'> & { readonly row: RequestRow };

/**
 * Who makes way so that all pods of a gang have places, or nothing. The places are tried with the room that would come free:
 * what constraints, ports and devices say of each other's pods is asked of those who place them, not guessed. `victimsMax`:
 * with more it is given up.
 */
export function planForGang(
  evictables: Evictables,
  room: TrialRoom,
  { places: { rows, parts }, tryOut, isFixed }: WaitingGang,
  victimsMax: number,
): readonly PlannedRequest[] | undefined {
  const planned = new Map(rows.map((row) => [row, new Planned()]));
  let left = victimsMax;
  const isWhole = tryOut((seek) =>
    parts.every((part) => {
      const own = planned.get(part.row)!;
      const before = own.victims.length;
      const fits = makeRoom(evictables, room, part, own, { seek, isFixed });
      left -= own.victims.length - before;
      return fits && left >= 0;
    }),
  );
  if (!isWhole) return undefined;
  return rows.map((row) => {
    const { pods, victims } = planned.get(row)!;
    const places = Array.from(pods, ([number, count]) => ({ number, pods: count }));
    return { row, victims, places: places.sort((one, other) => one.number - other.number) };
  });
}

interface Means {
  readonly seek: SeekPlaces;
  readonly isFixed: WaitingGang['isFixed'];
}

/** Says whether all pods of a part would have places. */
function makeRoom(
  evictables: Evictables,
  room: TrialRoom,
  { part, picks }: GangPart,
  planned: Planned,
  { seek, isFixed }: Means,
): boolean {
  planned.add(picks.numbers, picks.counts);
  let missing = countIn(part.indexes) - picks.count;
  for (let asked = 0; missing > 0;) {
    const { found } = seek(part, missing);
    planned.add(found.picks.numbers, found.picks.counts);
    missing -= found.picks.count;
    if (missing === 0) return true;
    // Somebody would have made way, and it was of no use.
    if (evictables.isSpent || (asked > 0 && found.picks.count === 0)) return false;
    const nodes = evictables.nodesFor(part, found.filters());
    const plan = evictables.plan(part, isFixed(part) ? missing : 1, nodes, Number.POSITIVE_INFINITY);
    if (plan.victims.length === 0) return false;
    const agents = new Map(nodes.flatMap(({ number, groups }) => groups.map((group) => [group, number] as const)));
    for (const victim of plan.victims) room.give(agents.get(victim.group)!, victim);
    evictables.tried(plan.victims);
    planned.victims.push(...plan.victims);
    asked += plan.victims.length;
  }
  return true;
}

class Planned {
  readonly pods = new Map<number, number>();
  readonly victims: Evictions<LotGroup>['victims'][number][] = [];

  add(numbers: readonly number[], counts: readonly number[]): void {
    for (const [at, number] of numbers.entries()) this.pods.set(number, (this.pods.get(number) ?? 0) + counts[at]!);
  }
}
