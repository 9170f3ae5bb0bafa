import { idRunsOf, type ClusterCommand, type ClusterEvent, type LaunchId } from '@orrery/contracts';
import { accept, reject, type Decision, type DecisionContext } from '@orrery/kernel';
import { countOnAgent, launchesOnAgent } from './find.js';
import type { AgentRow, ClusterState } from './state.js';

type Body<Type extends ClusterCommand['type']> = Extract<ClusterCommand, { type: Type }>['body'];

/** As long as Nomad gives a drain. */
const DRAIN_GRACE_DEFAULT_SECS = 3600;
/** Launches that one decision ends: ids of 12 to 20 bytes stay far below the 256 KiB of a decision. */
const LAUNCHES_PER_DECISION_MAX = 5000;

export function drainAgent(
  body: Body<'DrainAgent'>,
  state: ClusterState,
  { at }: DecisionContext,
): Decision<ClusterEvent> {
  const agent = state.agents.get(body.agent);
  if (agent === undefined) return unknownAgent(body.agent);
  if (agent.standing === 'GONE') return reject('agent-state', `${body.agent} is gone, and that is final`);
  if (agent.standing === 'DRAINED') return accept();
  const deadline = at + Math.round((body['grace-secs'] ?? DRAIN_GRACE_DEFAULT_SECS) * 1000);
  const events: ClusterEvent[] = [{ type: 'AgentDraining', data: { ...nameOf(agent), deadline } }];
  if (countOnAgent(state, agent.agent) === 0) events.push({ type: 'AgentDrained', data: nameOf(agent) });
  return accept(...events);
}

export function activateAgent(body: Body<'ActivateAgent'>, state: ClusterState): Decision<ClusterEvent> {
  const agent = state.agents.get(body.agent);
  if (agent === undefined) return unknownAgent(body.agent);
  if (agent.standing === 'GONE') {
    return reject('agent-state', `${body.agent} is gone, and that is final`, {
      remedy: 'start the agent with an empty data folder: it joins under a new id',
    });
  }
  return agent.standing === 'ACTIVE' ? accept() : accept({ type: 'AgentActivated', data: nameOf(agent) });
}

export function markAgentGone(body: Body<'MarkAgentGone'>, state: ClusterState): Decision<ClusterEvent> {
  const agent = state.agents.get(body.agent);
  if (agent === undefined) return unknownAgent(body.agent);
  if (agent.standing === 'GONE') return accept();
  const events: ClusterEvent[] = [{ type: 'AgentGone', data: nameOf(agent) }, ...losses(state, agent)];
  const volumes = [...state.volumes.keysBy('agent', agent.agent)];
  if (volumes.length > 0) events.push({ type: 'VolumesGone', data: { ...nameOf(agent), volumes } });
  return accept(...events);
}

/** The rest of the tasks of an agent that is gone: the first of them went with the decision that said so. */
export function loseTasksOfGone(state: ClusterState): Decision<ClusterEvent> {
  for (const [, agent] of state.agents.by('losing', 'yes')) return accept(...losses(state, agent));
  return accept();
}

function losses(state: ClusterState, agent: AgentRow): ClusterEvent[] {
  const lost = launchesOnAgent(state, agent.agent).slice(0, LAUNCHES_PER_DECISION_MAX);
  if (lost.length === 0) return [];
  const launches = idRunsOf(lost.map(({ launch }) => launch));
  return [{ type: 'TasksLost', data: { ...nameOf(agent), launches, reason: 'agent-gone' } }];
}

/** What still runs when the grace of a drain is over is killed: the drain was a command, so this was asked for. */
export function drainDeadlines(state: ClusterState, { at }: DecisionContext): ClusterEvent[] {
  const events: ClusterEvent[] = [];
  let budget = LAUNCHES_PER_DECISION_MAX;
  for (const [, agent] of state.agents.by('deadline', 'yes')) {
    if (agent.drainDeadline === undefined || agent.drainDeadline > at) continue;
    const wanted = launchesOnAgent(state, agent.agent).filter(({ unwanted }) => !unwanted);
    const launches = wanted.slice(0, budget).map(({ launch }): LaunchId => launch);
    budget -= launches.length;
    if (launches.length > 0) events.push({ type: 'KillAccepted', data: { launches: idRunsOf(launches) } });
    // What is left of this agent comes with the next tick, which is due at once: the deadline still stands.
    if (budget === 0) break;
    events.push({ type: 'DrainDeadlinePassed', data: nameOf(agent) });
  }
  return events;
}

/** The event that ends a drain, when these ends were the last. */
export function drainedAfter(
  state: ClusterState,
  agent: AgentName & Pick<AgentRow, 'standing'>,
  ends: number,
): ClusterEvent[] {
  if (agent.standing !== 'DRAINING' || countOnAgent(state, agent.agent) > ends) return [];
  return [{ type: 'AgentDrained', data: nameOf(agent) }];
}

/** One registration of an agent. */
export type AgentName = Pick<AgentRow, 'agent' | 'epoch'>;

export function nameOf({ agent, epoch }: AgentName): AgentName {
  return { agent, epoch };
}

export function unknownAgent(agent: string): Decision<never> {
  return reject('unknown-agent', `there is no agent ${agent}`, { field: '/agent', remedy: 'orrery agent list' });
}
