/** One instance that could own cells, with those that it owns now. */
export interface Candidate {
  readonly memberId: string;
  readonly owned: readonly number[];
  /** Of the group when it was given them. */
  readonly generation: number;
}

/**
 * Deals the cells `0 … cells - 1` out: as evenly as they go, each left with its owner as far as that allows, and the same for
 * the same candidates in any order. When two claim a cell (one was away and does not know that it lost it), the one who was
 * given it later keeps it.
 */
export function assignCells(cells: number, candidates: readonly Candidate[]): Map<string, number[]> {
  const members = [...candidates].sort((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const dealt = new Map(members.map(({ memberId }) => [memberId, [] as number[]]));
  const free = new Set(Array.from({ length: cells }, (_, cell) => cell));
  if (members.length === 0) return dealt;
  const fewest = Math.floor(cells / members.length);
  let withOneMore = cells % members.length;
  const byOwned = members.toSorted((a, b) => b.generation - a.generation || b.owned.length - a.owned.length);
  for (const { memberId, owned } of byOwned) {
    const kept = owned.filter((cell) => free.has(cell)).slice(0, fewest + (withOneMore > 0 ? 1 : 0));
    if (kept.length > fewest) withOneMore -= 1;
    for (const cell of kept) free.delete(cell);
    dealt.get(memberId)!.push(...kept);
  }
  for (const cell of free) {
    const [, least] = [...dealt].reduce((a, b) => (b[1].length < a[1].length ? b : a));
    least.push(cell);
  }
  return dealt;
}
