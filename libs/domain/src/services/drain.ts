import type { AgentId } from '@orrery/contracts';
import { orderKills } from './launch.js';
import { podsOn } from './pods.js';
import { isUp, countsOf } from './tallies.js';
import type { Proposal } from './proposal.js';
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
  const draining = Array.from(proposal.state.agents.by('state', 'DRAINING'), ([agent]) => agent as AgentId);
  if (draining.length === 0) return;
  let room = roomFor(proposal, service);
  const leaving: PodRow[] = [];
  for (const agent of draining) {
    for (const row of podsOn(proposal.state, agent, name)) {
      if (row.status !== 'live' || !isWanted(proposal.state, service, row)) continue;
      // A pod that is away already takes nothing more from the service by moving.
      if (isUp(row) && room-- <= 0) continue;
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

function roomFor(proposal: Proposal, service: ServiceRow): number {
  let pods = 0;
  let up = 0;
  for (const pod of Object.keys(targetSpec(proposal.state, service).pods)) {
    const tally = countsOf(proposal.state, service.name, pod);
    pods += tally.pods;
    up += tally.up;
  }
  return Math.max(1, Math.floor(pods / AWAY_PARTS)) - (pods - up);
}
