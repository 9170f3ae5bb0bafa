import type { Peer, TaskTemplate } from '@orrery/contracts';

/**
 * What a task is told of other pods of its service, `X` being the name of a pod type and `Y` that of a port, in capitals:
 *
 *     ORRERY_PEERS_X        addresses, in the order of the indexes: 127.0.0.1,127.0.0.2
 *     ORRERY_PEERS_X_Y      with a port: 127.0.0.1:9093,127.0.0.2:9093
 *     ORRERY_MEMBERS_X_Y    with the index before it: 0@127.0.0.1:9093,1@127.0.0.2:9093
 *
 * Templates also have `peers.x`, a list of { index, address, ports, last }.
 */
export function peersEnvironment({ peers = [] }: Pick<TaskTemplate, 'peers'>): Record<string, string> {
  const told: Record<string, string> = {};
  for (const [pod, all] of byPod(peers)) {
    const name = variableName(pod);
    told[`ORRERY_PEERS_${name}`] = all.map(({ address }) => address).join(',');
    for (const port of new Set(all.flatMap(({ ports }) => Object.keys(ports)))) {
      const open = all.filter(({ ports }) => ports[port] !== undefined);
      const suffix = `${name}_${variableName(port)}`;
      told[`ORRERY_PEERS_${suffix}`] = open.map(({ address, ports }) => `${address}:${ports[port]}`).join(',');
      told[`ORRERY_MEMBERS_${suffix}`] = open
        .map(({ index, address, ports }) => `${index}@${address}:${ports[port]}`)
        .join(',');
    }
  }
  return told;
}

/** The same for sections of templates. */
export function peersView({ peers = [] }: Pick<TaskTemplate, 'peers'>): Record<string, unknown> {
  const lists = Array.from(byPod(peers), ([pod, all]) => {
    return [pod, all.map(({ index, address, ports }, at) => ({ index, address, ports, last: at === all.length - 1 }))];
  });
  return { peers: Object.fromEntries(lists) as Record<string, unknown> };
}

function byPod(peers: readonly Peer[]): Map<string, Peer[]> {
  const pods = new Map<string, Peer[]>();
  for (const peer of peers) {
    const others = pods.get(peer.pod);
    if (others === undefined) pods.set(peer.pod, [peer]);
    else others.push(peer);
  }
  return pods;
}

function variableName(name: string): string {
  return name.toUpperCase().replace(/[^A-Z0-9]/g, '_');
}
