import type { DecisionContext } from '@orrery/kernel';
import type { AgentId, AllocationEvent, ClusterEventOf, Capacity } from '@orrery/contracts';
import { destroyedWithAgent } from './grants.js';
import type { AgentRow, AllocationState } from './state.js';
import { declaredAnew } from './static-reservations.js';

/** What the master says of agents, in terms of places: open for new pods, or closed. Unknown agents are passed over. */

export function agentRegistered(
  data: ClusterEventOf<'AgentRegistered'>['data'],
  state: AllocationState,
  { nextId }: DecisionContext,
): AllocationEvent[] {
  const { agent, number, epoch, hostname, capacity, attributes, faultDomain, standing, reservations = [] } = data;
  const opened = { agent, number, epoch, hostname, capacity, attributes, faultDomain };
  const { ended, made } = declaredAnew(agent, reservations, state, nextId);
  const events: AllocationEvent[] = [...ended, { type: 'AgentOpened', data: opened }, ...made];
  if (standing !== undefined) events.push({ type: 'AgentClosed', data: { agent, reason: 'draining' } });
  return events;
}

export function agentReturned(
  { agent, standing }: ClusterEventOf<'AgentReturned'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  const row = known(state, agent);
  if (row === undefined) return [];
  return standing === undefined && row.draining === undefined ? [reopened(row)] : [closed(agent, 'draining')];
}

export function agentUnreachable(
  { agent }: ClusterEventOf<'AgentUnreachable'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  const row = known(state, agent);
  return row === undefined || row.closed === 'unreachable' ? [] : [closed(agent, 'unreachable', row.draining)];
}

export function agentDraining(
  { agent }: ClusterEventOf<'AgentDraining'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  const row = known(state, agent);
  if (row === undefined || row.draining === true) return [];
  return [row.closed === 'unreachable' ? closed(agent, 'unreachable', true) : closed(agent, 'draining')];
}

export function agentActivated(
  { agent }: ClusterEventOf<'AgentActivated'>['data'],
  state: AllocationState,
): AllocationEvent[] {
  const row = known(state, agent);
  if (row?.draining === undefined) return [];
  return [row.closed === 'unreachable' ? closed(agent, 'unreachable') : reopened(row)];
}

/** Final: whatever waited there for its destruction is destroyed now. */
export function agentGone({ agent }: ClusterEventOf<'AgentGone'>['data'], state: AllocationState): AllocationEvent[] {
  const row = known(state, agent);
  return row === undefined ? [] : [closed(agent, 'gone'), ...destroyedWithAgent(agent, state)];
}

function known(state: AllocationState, agent: AgentId): AgentRow | undefined {
  const row = state.agents.get(agent);
  return row?.closed === 'gone' ? undefined : row;
}

function closed(agent: AgentId, reason: 'unreachable' | 'draining' | 'gone', draining?: true): AllocationEvent {
  return { type: 'AgentClosed', data: { agent, reason, ...(draining === true ? { draining } : {}) } };
}

function reopened({ id, number, epoch, hostname, capacity, attributes, faultDomain }: AgentRow): AllocationEvent {
  const declared: Capacity = {
    cpusMilli: capacity.cpusMilli,
    memoryMib: capacity.memoryMib,
    diskMib: capacity.diskMib,
    gpuIds: [...capacity.gpuIds],
    ports: capacity.ports.map(([from, to]) => [from, to]),
    ...(capacity.disks === undefined ? {} : { disks: [...capacity.disks] }),
  };
  return {
    type: 'AgentOpened',
    data: { agent: id, number, epoch, hostname, capacity: declared, attributes, faultDomain },
  };
}
