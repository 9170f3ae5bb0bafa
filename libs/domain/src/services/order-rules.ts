import { reject, type Decision } from '@orrery/kernel';
import type { ServiceSpec } from '@orrery/contracts';
import { nextOf } from './constraints.js';
import { deployOrder } from './plan.js';

/**
 * A pod that may go only where another one is, or starts only when all its peers have places, can't come before them where one
 * phase of the deployment follows the other: it would wait for what waits for it.
 */
export function refusalOfOrder(spec: ServiceSpec): Decision<never> | undefined {
  const order = deployOrder(spec);
  if (order === undefined) return undefined;
  for (const [at, name] of order.entries()) {
    const pod = spec.pods[name]!;
    if (pod.count === 0) continue;
    const peers = Object.entries(pod.peers ?? {}).flatMap(([peer, known]) => (known === 'all' ? [peer] : []));
    const waits = [
      ...peers.map((peer) => ({ peer, field: `/pods/${name}/peers/${peer}`, what: 'starts when all of' })),
      ...nextOf(spec, name).map((peer) => ({ peer, field: `/pods/${name}/placement`, what: 'goes only where' })),
    ];
    const stuck = waits.find(({ peer }) => spec.pods[peer]?.count !== 0 && order.indexOf(peer) > at);
    if (stuck === undefined) continue;
    const { peer, field, what } = stuck;
    const message = `${field} can never hold: ${name} ${what} ${peer} have places, and they get theirs in a later phase`;
    const remedy = `in the plan deploy: the phase of ${peer} before that of ${name}, or strategy: parallel for the plan`;
    return reject('waits-for-later-phase', message, { field, remedy });
  }
  return undefined;
}
