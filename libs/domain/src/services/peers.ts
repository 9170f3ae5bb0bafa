import type { Peer } from '@orrery/contracts';
import { addressOf } from './agents.js';
import { type PodRow, type ServiceRow, type ServicesRows } from './state.js';
import { podsOf } from './pods.js';
import type { Recipe } from './recipe.js';
import { targetSpec, wantedCount } from './wanted.js';

/** Pods of one type that others are told of: the first of them, by index. */
export const PEERS_MAX = 256;

/** What the tasks of this recipe are told: where the pods of the named types have their places now. */
export function peersOf(rows: ServicesRows, service: ServiceRow, { peers }: Recipe): Peer[] {
  return Object.keys(peers)
    .sort()
    .flatMap((pod) => {
      const wanted = Math.min(PEERS_MAX, wantedCount(rows, service, pod));
      const known: Peer[] = [];
      for (const row of podsOf(rows, service.name, pod)) {
        if (row.index >= wanted) break;
        const peer = peerOf(rows, row);
        if (peer !== undefined) known.push(peer);
      }
      return known;
    });
}

function peerOf(rows: ServicesRows, { pod, index, seat }: PodRow): Peer | undefined {
  const address = seat === undefined ? undefined : addressOf(rows, seat.number);
  if (address === undefined) return undefined;
  const ports = Object.entries(seat!.ports).map(([name, port]) => [name.slice(name.indexOf('.') + 1), port] as const);
  return { pod, index, address, ports: Object.fromEntries(ports) };
}

/**
 * Whether a pod may be launched for the first time: where it says `all`, every wanted pod of those types has a place, or had
 * one. Who ran before is not kept waiting by the loss of another.
 */
export function knowsPeers(rows: ServicesRows, service: ServiceRow, row: PodRow, { peers }: Recipe): boolean {
  if (row.launched !== undefined) return true;
  for (const pod in peers) {
    if (peers[pod] !== 'all') continue;
    let placed = 0;
    const wanted = Math.min(PEERS_MAX, wantedCount(rows, service, pod));
    for (const { index, seat, launched } of podsOf(rows, service.name, pod)) {
      if (index >= wanted) break;
      if (seat !== undefined || launched !== undefined) placed += 1;
    }
    if (placed < wanted) return false;
  }
  return true;
}

/** Keys of pods that have places and wait for those of others; none where nobody asks for them. */
export function waitingForPeers(rows: ServicesRows, service: ServiceRow): string[] {
  const { pods } = targetSpec(rows, service);
  for (const name in pods) {
    if (pods[name]!.peers !== undefined) return Array.from(rows.pods.by('waits', service.name), ([key]) => key);
  }
  return [];
}
