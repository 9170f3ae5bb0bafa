import { countIn } from '@orrery/contracts';
import type { Found, Picks, Wish } from '@orrery/scheduling';
import { withAdoptions, type AdoptingRow } from './adoption.js';
import { inOrderOfPlacing } from './gang-rows.js';
import { looksAtItself, type SetPeers } from './set-peers.js';
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

type Seek = (part: AdoptingRow) => { readonly found: Found; readonly wish: Wish };

/**
 * Places for all pods of a gang, each kind seeing where those before it would be: pods that adopt volumes go where those are,
 * the others anywhere. What is found is only tried: `peers` are told of it and hear at the end that it is not so.
 */
export function seekTogether(
  state: AllocationState,
  rows: readonly RequestRow[],
  peers: SetPeers,
  seek: Seek,
): GangPlaces {
  const parts: GangPart[] = [];
  for (const row of inOrderOfPlacing(rows, ledgerOf(state).capacity))
    for (const part of withAdoptions(state, row)) {
      const { found, wish } = seek(part);
      const { picks } = found;
      parts.push({ row, part, picks, found, wish });
      peers.granted(part, picks);
      if (looksAtItself(part)) peers.placed(part, picks);
    }
  for (const { part, picks } of parts.toReversed()) peers.takenBack(part, picks);
  return { rows, parts, fitting: parts.reduce((sum, { picks }) => sum + picks.count, 0) };
}

export function isWhole({ parts }: GangPlaces): boolean {
  return parts.every(({ part, picks }) => picks.count === countIn(part.indexes));
}
