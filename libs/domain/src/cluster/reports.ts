import { countIds, type AgentReport, type ClusterEvent, type ReportMark } from '@orrery/contracts';
import { accept, type Decision } from '@orrery/kernel';
import { drainedAfter, nameOf, type AgentName } from './agents.js';
import { Findings, IdSet, News } from './findings.js';
import type { AgentRow, ClusterState } from './state.js';
import { syncOf } from './syncs.js';

type Report<Type extends AgentReport['type']> = Extract<AgentReport, { type: Type }>;
type Numbered = Report<'TaskStates'> | Report<'VolumesDestroyed'>;

/** Launches that reports speak of which are judged together: what follows from one event stays within one decision. */
const LAUNCHES_TOGETHER_MAX = 5000;

/** Which reports are judged together: those of tasks, unless they have messages, of which a decision can keep only so much. */
export const gatheredReports = {
  senderOf: (report: AgentReport): string | undefined =>
    isOfTasks(report) && report.ended?.some(({ message }) => message !== undefined) !== true ? report.agent : undefined,
  sizeOf: (report: AgentReport): number => (isOfTasks(report) ? launchesIn(report) : 0),
  sizeMax: LAUNCHES_TOGETHER_MAX,
};

export function isOfTasks(report: AgentReport): report is Report<'TaskStates'> {
  return report.type === 'TaskStates';
}

function launchesIn({ starting, running = [], ready, unready, ended = [] }: Report<'TaskStates'>): number {
  const sets = [starting, ready, unready, ...[...running, ...ended].map(({ launches }) => launches)];
  return sets.reduce((count, ids) => count + (ids === undefined ? 0 : countIds(ids)), 0);
}

/** Reports of several agents, each by the same rules as one that comes alone; what they tell is told at once. */
export function decideTogether(reports: readonly Report<'TaskStates'>[], state: ClusterState): Decision<ClusterEvent> {
  const findings = new Findings();
  const marks: ReportMark[] = [];
  const more: ClusterEvent[] = [];
  for (const report of reports) {
    const others = inTurn(report, state, (agent) => {
      const before = findings.ends;
      find(report, state, agent, findings);
      marks.push([agent.number, agent.epoch, report.m]);
      return drainedAfter(state, agent, findings.ends - before);
    });
    if (others.accepted) more.push(...others.events);
  }
  const told = findings.eventsTogether();
  if (marks.length > 0) told.push({ type: 'ReportsNoted', data: { reports: marks } });
  return accept(...told, ...more);
}

/** Row 7: m is the last one + 1. Facts of a lost agent count as well, but only its inventory brings it back. */
export function decideTaskStates(report: Report<'TaskStates'>, state: ClusterState): Decision<ClusterEvent> {
  return inTurn(report, state, (agent) => {
    const findings = new Findings();
    find(report, state, agent, findings);
    const events = findings.events(agent.agent, agent.epoch, report.m, 'not-on-agent');
    if (events.length === 0) events.push(noted(agent, report.m));
    return [...events, ...drainedAfter(state, agent, findings.ends)];
  });
}

function find(report: Report<'TaskStates'>, state: ClusterState, agent: AgentRow, findings: Findings): void {
  const { starting, running = [], ready, unready, ended = [] } = report;
  const news = new News(state, agent);
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
