import { countIn } from '@orrery/contracts';
import type { Found, Picks, Wish } from '@orrery/scheduling';
import { withAdoptions, type AdoptingRow } from './adoption.js';
import { inOrderOfPlacing } from './gang-rows.js';
import type { SetPeers } from './set-peers.js';
import { ledgerOf, type AllocationState, type RequestRow } from './state.js';

/** Places that were sought for all of a gang. */
export interface GangPlaces {
  readonly rows: readonly RequestRow[];
  readonly parts: readonly GangPart[];
  /** Pods that found one. */
  readonly fitting: number;
}

/** Pods of one of its requests that look for places together. */
export interface GangPart {
  readonly row: RequestRow;
  readonly part: AdoptingRow;
  readonly picks: Picks;
  readonly found: Found;
  readonly wish: Wish;
}

/** Up to so many places for a part, and the wish for them. */
export type SeekPlaces = (part: AdoptingRow, count: number) => { readonly found: Found; readonly wish: Wish };

/**
 * Places for all pods of a gang, each kind seeing where those before it would be: pods that adopt volumes go where those are,
 * the others anywhere. What is found is only tried: `peers` are told of it and hear at the end that it is not so.
 */
export function seekTogether(
  state: AllocationState,
  rows: readonly RequestRow[],
  peers: SetPeers,
  seek: SeekPlaces,
): GangPlaces {
  const parts: GangPart[] = [];
  for (const row of inOrderOfPlacing(rows, ledgerOf(state).capacity))
    for (const part of withAdoptions(state, row)) {
      const { found, wish } = seek(part, countIn(part.indexes));
      const { picks } = found;
      parts.push({ row, part, picks, found, wish });
      peers.tried(part, picks);
    }
  for (const { part, picks } of parts.toReversed()) peers.takenBack(part, picks);
  return { rows, parts, fitting: parts.reduce((sum, { picks }) => sum + picks.count, 0) };
}

/** More places beside those that were found: `peers` are told of all of them while `plan` lasts. */
export function tryBeside<Value>(
  { parts }: GangPlaces,
  peers: SetPeers,
  seek: SeekPlaces,
  plan: (seek: SeekPlaces) => Value,
): Value {
  const tried: [AdoptingRow, Picks][] = [];
  const note = (part: AdoptingRow, picks: Picks) => {
    peers.tried(part, picks);
    tried.push([part, picks]);
  };
  for (const { part, picks } of parts) note(part, picks);
  const value = plan((part, count) => {
    const sought = seek(part, count);
    note(part, sought.found.picks);
    return sought;
  });
  for (const [part, picks] of tried.reverse()) peers.takenBack(part, picks);
  return value;
}

export function isWhole({ parts }: GangPlaces): boolean {
  return parts.every(({ part, picks }) => picks.count === countIn(part.indexes));
}
