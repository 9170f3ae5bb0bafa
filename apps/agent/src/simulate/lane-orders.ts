import { IdCursor, type LaneOrder } from '@orrery/contracts';
import type { SimulatedAgent } from './simulated-agent.js';

/** Hands each agent of a lane order its part of it. `reach` runs it now, or later, or never. */
export function carryOut(order: LaneOrder, reach: (agent: number, run: (agent: SimulatedAgent) => void) => void): void {
  const { journalId, to } = order;
  if (order.type === 'Kills') {
    for (const [at, head] of to.entries()) {
      const launches = order.launches[at]!;
      reach(head[0], (agent) => {
        if (agent.takes(head, journalId)) agent.kill(launches);
      });
    }
    return;
  }
  const { set, template } = order;
  const ids = new IdCursor(set.launches);
  let position = 0;
  for (const [at, head] of to.entries()) {
    const count = set.agents[at]![2];
    const own: (readonly [seq: number, first: number, count: number])[] = [];
    ids.take(count, (...run) => own.push(run));
    const volumes = set.volumes?.slice(position, position + count) ?? [];
    position += count;
    reach(head[0], (agent) => {
      if (!agent.takes(head, journalId)) return;
      for (const held of volumes) agent.hold(held.map(({ volume }) => volume));
      for (const [seq, first, launches] of own) {
        for (let each = 0; each < launches; each += 1) agent.launch(seq, first + each, template);
      }
    });
  }
}
