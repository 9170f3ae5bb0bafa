import type { AgentId } from '@orrery/contracts';
import { orderKills } from './launch.js';
import { podsOn } from './pods.js';
import { isUp, countsOf } from './tallies.js';
import type { Proposal } from './proposal.js';
import { rollingOf, roomFor } from './rolling.js';
import { settle } from './settle.js';
import { launchesOf, podKey, type PodRow, type ServiceRow } from './state.js';
import { isWanted, targetSpec } from './wanted.js';

/** Of the pods of a service, this part may be away at once while machines are drained, and at least one. */
const AWAY_PARTS = 10;

/**
 * Moves pods of a service from machines that are being drained, as many at a time as it can do without. A pod is ended
 * first and placed anew when it has ended: simplest, and the only way where a volume or a fixed port binds. What is left
 * at the deadline of the drain the master kills, and it moves then.
 */
export function continueDrains(proposal: Proposal, name: string): void {
  const service = proposal.state.services.get(name);
  if (service === undefined || service.uninstalling) return;
  if (proposal.state.agents.firstBy('state', 'DRAINING') === undefined) return;
  const draining = Array.from(proposal.state.agents.by('state', 'DRAINING'), ([agent]) => agent as AgentId);
  const rooms = roomsFor(proposal, service);
  const leaving: PodRow[] = [];
  for (const agent of draining) {
    for (const row of podsOn(proposal.state, agent, name)) {
      if (row.status !== 'live' || !isWanted(proposal.state, service, row)) continue;
      // A pod that is away already takes nothing more from the service by moving.
      const room = rooms(row.pod);
      if (isUp(row) && room.left-- <= 0) continue;
      leaving.push(row);
    }
  }
  orderKills(proposal, service, leaving, 'drained');
  const over = leaving.filter((row) => launchesOf(row).length === 0);
  settle(
    proposal,
    service,
    over.map((row) => podKey(row.service, row.pod, row.index)),
  );
}

/** Pod types whose spec says how many may be away have room of their own, the others share that of the service. */
function roomsFor({ state }: Proposal, service: ServiceRow): (pod: string) => { left: number } {
  const rooms = new Map<string, { left: number }>();
  const spec = targetSpec(state, service);
  let pods = 0;
  let up = 0;
  for (const pod of Object.keys(spec.pods)) {
    const rolling = rollingOf(spec, pod);
    if (rolling !== undefined) {
      // Nobody stands in for pods that move, so one goes even where none should be away.
      const unavailableMax = Math.max(1, rolling.unavailableMax);
      rooms.set(pod, { left: roomFor(state, service, pod, { ...rolling, unavailableMax }) });
      continue;
    }
    const tally = countsOf(state, service.name, pod);
    pods += tally.pods;
    up += tally.up;
  }
  const shared = { left: Math.max(1, Math.floor(pods / AWAY_PARTS)) - (pods - up) };
  return (pod) => rooms.get(pod) ?? shared;
}
