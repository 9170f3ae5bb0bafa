import type { LaunchId } from '@orrery/contracts';
import type { EpochMs } from '@orrery/kernel';
import type { Observation } from '@orrery/runtimes';
import { isLive } from './agent-state.js';
import { makeAllReports, reportOf, sendInventory } from './reports.js';
import type { AgentInput } from './step.js';
import { began, ended } from './tasks.js';
import type { Turn } from './turn.js';
import { destroyDoomed } from './volumes.js';

/**
 * A process begins, perhaps where another was killed. What happened meanwhile is told under the numbers of the old
 * registration, which holds until the master reads the Inventory behind it; so even what came and went is told one by one.
 */
export function boot(turn: Turn, input: Extract<AgentInput, { type: 'boot' }>): void {
  const { state } = turn;
  const { at } = input;
  for (const report of state.outgoing) turn.then({ type: 'publish', report: reportOf(report) });
  for (const [launch, observation] of input.observed) catchUp(turn, launch, observation, at);
  if (state.epoch > 0 && state.standDown === undefined) makeAllReports(turn, at);
  turn.record({ type: 'Booted', session: input.session, facts: input.facts });
  for (const row of state.launches.values()) {
    const { launch } = row.launch;
    if (row.state === 'RUNNING') {
      turn.then({ type: 'watch', row, template: state.templates.get(row.kind.templateDigest) });
    }
    if (isLive(row) && row.kill !== undefined) {
      turn.then({ type: 'stop', launch, graceMs: Math.max(0, row.kill.at + row.kill.graceMs - at) });
    }
  }
  destroyDoomed(turn);
  sendInventory(turn, at);
}

function catchUp(turn: Turn, launch: LaunchId, observation: Observation, at: EpochMs): void {
  if (observation.state === 'running') return began(turn, launch, observation);
  if (observation.state === 'ended') return ended(turn, launch, observation);
  if (turn.state.launches.get(launch)?.state !== 'RUNNING') return;
  ended(turn, launch, { state: 'ended', how: 'unknown', at, message: 'its files are gone' });
}
