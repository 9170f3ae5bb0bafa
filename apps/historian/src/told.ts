import type { AgentId, ClusterEvent, ExitStatus, LaunchId } from '@orrery/contracts';
import { launchesOnAgent, type ClusterState, type LaunchRow } from '@orrery/domain';

/**
 * What a cluster event says about single tasks. Looked up in the state before the event, since what it ends may be gone from
 * the state after it.
 */
export interface ToldState {
  readonly task: Pick<
    LaunchRow,
    'service' | 'generation' | 'pod' | 'index' | 'task' | 'incarnation' | 'agent' | 'launch'
  >;
  readonly state: string;
  readonly ready?: boolean;
  readonly reason?: string;
  readonly message?: string;
  readonly exit?: ExitStatus;
  readonly late?: boolean;
}

type Told = Omit<ToldState, 'task'>;

export function statesTold(state: ClusterState, event: ClusterEvent): ToldState[] {
  const one = (launch: LaunchId, told: Told): ToldState[] => {
    const task = state.launches.get(launch);
    // A launch that the master knows nothing of any more has told its story.
    return task === undefined ? [] : [{ task, ...told }];
  };
  switch (event.type) {
    case 'LaunchAccepted': {
      const { service, generation, pod, task, agent, launches } = event.data;
      return launches.map(({ launch, index, incarnation }) => ({
        task: { service, generation, pod, index, task, incarnation, agent, launch },
        state: 'STAGING',
      }));
    }
    case 'KillAccepted':
      return event.data.launches.flatMap((launch) => one(launch, { state: 'KILLING', reason: 'killed' }));
    case 'TasksStarting':
      return event.data.tasks.flatMap(({ launch }) => one(launch, { state: 'STARTING' }));
    case 'TasksRunning':
      return event.data.tasks.flatMap(({ launch }) => one(launch, { state: 'RUNNING', ready: false }));
    case 'TasksReady':
      return event.data.tasks.flatMap(({ launch, ready }) =>
        one(launch, { state: 'RUNNING', ready, reason: ready ? 'ready' : 'not-ready' }),
      );
    case 'TasksEnded':
    case 'TasksReportedLate':
      return event.data.tasks.flatMap(({ launch, state: ended, reason, message, exit }) =>
        one(launch, {
          state: ended,
          reason,
          ...(message === undefined ? {} : { message }),
          ...(exit === undefined ? {} : { exit }),
          ...(event.type === 'TasksReportedLate' ? { late: true } : {}),
        }),
      );
    case 'TasksLost':
      return event.data.launches.flatMap((launch) => one(launch, { state: 'LOST', reason: event.data.reason }));
    case 'AgentUnreachable':
      return ofAgent(state, event.data.agent, () => ({ state: 'UNREACHABLE', reason: 'agent-unreachable' }));
    case 'AgentReturned':
      return ofAgent(state, event.data.agent, ({ phase, ready }) => ({
        state: phase,
        ready,
        reason: 'agent-returned',
      }));
    default:
      return [];
  }
}

/** Everything that lives on an agent has the fate of the agent, without a list in the event. */
function ofAgent(state: ClusterState, agent: AgentId, told: (row: LaunchRow) => Told): ToldState[] {
  return [...launchesOnAgent(state, agent)].map((task) => ({ task, ...told(task) }));
}
