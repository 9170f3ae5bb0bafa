import type { PlacementRequest } from '@orrery/contracts';

/** About what a set, an agent of it, and a member of it take as JSON. */
export const SET_BYTES = 400;
export const RUN_BYTES = 13;

export function memberBytes({ needs }: PlacementRequest): number {
  let bytes = needs.ports.length * 6 + needs.gpus * 48;
  for (const { name, path } of needs.volumes) bytes += name.length + path.length + 80;
  return bytes;
}
