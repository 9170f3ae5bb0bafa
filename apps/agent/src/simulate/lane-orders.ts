import { IdCursor, valueAt, type LaneHeads, type LaneOrder } from '@orrery/contracts';
import type { SimulatedAgent } from './simulated-agent.js';

/** Hands each agent of a lane order its part of it. `reach` runs it now, or later, or never. */
export function carryOut(order: LaneOrder, reach: (agent: number, run: (agent: SimulatedAgent) => void) => void): void {
  const { journalId, to } = order;
  if (order.type === 'Kills') {
    for (const [at, number] of to.numbers.entries()) {
      reach(number, (agent) => {
        if (agent.takes(headAt(to, at), journalId)) agent.kill(order.launches[at]!);
      });
    }
    return;
  }
  const { set, template } = order;
  const ids = new IdCursor(set.launches);
  let position = 0;
  for (const [at, number] of to.numbers.entries()) {
    const count = valueAt(set.agents.counts, at);
    const own = runsOf(ids, count);
    const volumes = set.volumes?.slice(position, position + count) ?? NONE;
    position += count;
    reach(number, (agent) => {
      if (!agent.takes(headAt(to, at), journalId)) return;
      for (const held of volumes) agent.hold(held.map(({ volume }) => volume));
      for (let run = 0; run < own.length; run += 3) {
        for (let each = 0; each < own[run + 2]!; each += 1) agent.launch(own[run]!, own[run + 1]! + each, template);
      }
    });
  }
}

const NONE: readonly never[] = Object.freeze([]);

/** Seq, first ordinal and count of the next ids, run by run. */
function runsOf(ids: IdCursor, count: number): readonly number[] {
  const own: number[] = [];
  ids.take(count, (seq, first, launches) => void own.push(seq, first, launches));
  return own;
}

function headAt({ epochs, ns, reported }: LaneHeads, at: number) {
  return { epoch: valueAt(epochs, at), n: valueAt(ns, at), reported: valueAt(reported, at) };
}
