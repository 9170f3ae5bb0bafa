import type { AgentReport, ClusterEvent, TaskStateReport } from '@orrery/contracts';
import { accept, type Decision } from '@orrery/kernel';
import { drainedAfter, nameOf, type AgentName } from './agents.js';
import { Findings, type Sighting } from './findings.js';
import type { AgentRow, ClusterState } from './state.js';
import { syncOf } from './syncs.js';

type Report<Type extends AgentReport['type']> = Extract<AgentReport, { type: Type }>;
type Numbered = Report<'TaskStates'> | Report<'VolumesDestroyed'>;

/** Row 7: m is the last one + 1. Facts of a lost agent count as well, but only its inventory brings it back. */
export function decideTaskStates(report: Report<'TaskStates'>, state: ClusterState): Decision<ClusterEvent> {
  return inTurn(report, state, (agent) => {
    const findings = new Findings(state, agent.agent);
    for (const task of report.tasks) findings.see(sightingOf(task));
    const events = findings.events(agent.epoch, report.m, 'not-on-agent');
    if (events.length === 0) events.push(noted(agent, report.m));
    return [...events, ...drainedAfter(state, agent, findings.ends)];
  });
}

export function decideVolumesDestroyed(
  report: Report<'VolumesDestroyed'>,
  state: ClusterState,
): Decision<ClusterEvent> {
  return inTurn(report, state, (agent) => {
    const volumes = report.volumes.filter((volume) => state.volumes.get(volume)?.agent === agent.agent);
    const events = [noted(agent, report.m)];
    if (volumes.length > 0) events.push({ type: 'VolumesGone', data: { ...nameOf(agent), volumes } });
    return events;
  });
}

/** That a report was taken, where no other event says so. */
export function noted(agent: AgentName, m: number): ClusterEvent {
  return { type: 'ReportNoted', data: { ...nameOf(agent), m } };
}

/** Reports of a replaced process, of a former epoch and repeats are dropped; a gap asks for an inventory, once. */
function inTurn(
  report: Numbered,
  state: ClusterState,
  take: (agent: AgentRow) => ClusterEvent[],
): Decision<ClusterEvent> {
  const agent = state.agents.get(report.agent);
  if (agent === undefined || agent.standing === 'GONE') return accept();
  if (agent.session !== report.session || agent.epoch !== report.epoch) return accept();
  if (report.m <= agent.reported) return accept();
  if (report.m === agent.reported + 1) return accept(...take(agent));
  return agent.inventoryAsked ? accept() : accept(syncOf(agent, agent.ordered + 1, 'report-gap', true));
}

function sightingOf(task: TaskStateReport): Sighting {
  const { agentTime, ...rest } = task;
  switch (rest.state) {
    case 'STARTING':
      return { launch: rest.launch, phase: 'STARTING' };
    case 'READY':
      return { launch: rest.launch, phase: 'STARTING', ready: rest.ready };
    case 'RUNNING':
      return { launch: rest.launch, phase: 'RUNNING', pid: rest.pid, ready: rest.ready, since: agentTime };
    default: {
      const { state: phase, ...end } = rest;
      return { ...end, phase, agentTime };
    }
  }
}
