import type { PodNeeds } from './resources.js';

/** Bytes that the places of one gang may take as JSON: they stand in one commit, whose journal takes 256 KiB. */
const GANG_BYTES_MAX = 160 * 1024;
/** The number of an agent, its registration, and how many are on it: a figure each where they differ. */
export const RUN_BYTES = 10;

/** About what a member of a set takes as JSON, beside its agent. */
export function memberBytes({ ports, gpus, volumes }: PodNeeds): number {
  let bytes = ports.length * 6 + gpus * 48;
  for (const { name, path } of volumes) bytes += name.length + path.length + 80;
  return bytes;
}

/** So many pods can be placed all at once, or not at all; `besides`: with those of other types of their gang. */
export function gangSizeMax(needs: PodNeeds, besides: readonly GangPart[] = []): number {
  const others = besides.reduce((bytes, part) => bytes + part.count * (RUN_BYTES + memberBytes(part.needs)), 0);
  return Math.max(0, Math.floor((GANG_BYTES_MAX - others) / (RUN_BYTES + memberBytes(needs))));
}

/** Equal pods of a gang. */
export interface GangPart {
  readonly needs: PodNeeds;
  readonly count: number;
}
