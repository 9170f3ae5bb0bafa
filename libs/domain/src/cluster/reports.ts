import type { AgentReport, ClusterEvent } from '@orrery/contracts';
import { accept, type Decision } from '@orrery/kernel';
import { drainedAfter, nameOf, type AgentName } from './agents.js';
import { Findings, IdSet, News } from './findings.js';
import type { AgentRow, ClusterState } from './state.js';
import { syncOf } from './syncs.js';

type Report<Type extends AgentReport['type']> = Extract<AgentReport, { type: Type }>;
type Numbered = Report<'TaskStates'> | Report<'VolumesDestroyed'>;

/** Row 7: m is the last one + 1. Facts of a lost agent count as well, but only its inventory brings it back. */
export function decideTaskStates(report: Report<'TaskStates'>, state: ClusterState): Decision<ClusterEvent> {
  return inTurn(report, state, (agent) => {
    const findings = findingsOf(report, state, agent);
    const events = findings.events(agent.agent, agent.epoch, report.m, 'not-on-agent');
    if (events.length === 0) events.push(noted(agent, report.m));
    return [...events, ...drainedAfter(state, agent, findings.ends)];
  });
}

function findingsOf(report: Report<'TaskStates'>, state: ClusterState, agent: AgentRow): Findings {
  const { starting, running = [], ready, unready, ended = [] } = report;
  const [news, findings] = [new News(state, agent), new Findings()];
  if (starting !== undefined) findings.starting(news.starting(starting));
  for (const tasks of running) findings.running(news.running(tasks));
  if (ready !== undefined) findings.readiness(news.readiness(ready, true, running), true);
  if (unready !== undefined) findings.readiness(news.readiness(unready, false, running), false);
  const told = new IdSet();
  for (const ends of ended) {
    const found = news.ended(ends, told);
    findings.ended(found.news);
    findings.late(found.late);
  }
  return findings;
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
  const reported = state.counters.reported(agent.number);
  if (report.m <= reported) return accept();
  if (report.m === reported + 1) return accept(...take(agent));
  return agent.inventoryAsked ? accept() : accept(syncOf(state, agent, 'report-gap', true));
}
