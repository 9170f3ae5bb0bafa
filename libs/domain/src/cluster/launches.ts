import {
  parseTaskId,
  type AgentId,
  type ClusterCommand,
  type ClusterEvent,
  type Launch,
  type LaunchId,
  type ServicesEventOf,
} from '@orrery/contracts';
import { accept, reject, type Decision, type DecisionContext } from '@orrery/kernel';
import { nameOf } from './agents.js';
import { Draft } from './draft.js';
import { endedOfService, isLive, type ClusterState, type LaunchRow } from './state.js';
import { currentLaunch } from './views.js';

/** Row 4: a launch is accepted on an agent that is ACTIVE in the epoch that its grant was made for, and never twice. */
export function acceptLaunches(
  order: ServicesEventOf<'LaunchOrdered'>['data'],
  state: ClusterState,
  { at }: DecisionContext,
): Decision<ClusterEvent> {
  const { template, launches, ...set } = order;
  const refusal = refusalOf(order, state);
  if (refusal !== undefined) return accept(refused(order, launches, refusal));
  const fresh = launches.filter(({ launch }) => !state.launches.has(launch));
  const used = launches.filter(({ launch }) => state.launches.has(launch));
  const draft = new Draft(state);
  if (fresh.length > 0) {
    const digest = set.templateDigest;
    if (!state.templates.has(digest)) draft.add({ type: 'TemplateKept', data: { digest, template } });
    const n = draft.nextOrder(set.agent);
    draft.add({ type: 'LaunchAccepted', data: { ...set, launches: fresh, n, at } });
  }
  if (used.length > 0) draft.add(refused(order, used, 'launch-id-used'));
  return draft.accept();
}

function refusalOf(order: ServicesEventOf<'LaunchOrdered'>['data'], state: ClusterState): string | undefined {
  const agent = state.agents.get(order.agent);
  if (agent === undefined) return 'unknown-agent';
  if (agent.epoch !== order.epoch) return 'epoch-passed';
  if (!agent.reachable) return 'agent-unreachable';
  return agent.standing === 'ACTIVE' ? undefined : 'agent-not-active';
}

function refused(
  { service, generation, agent }: ServicesEventOf<'LaunchOrdered'>['data'],
  launches: readonly Launch[],
  code: string,
): ClusterEvent {
  return {
    type: 'LaunchRefused',
    data: { service, generation, agent, launches: launches.map(({ launch }) => launch), code },
  };
}

/** Kills for which the service returns the grant at once: their rows need not outlive the task. */
const FINAL: ReadonlySet<string> = new Set(['scaled-down', 'uninstalled', 'replaced', 'drained']);

/**
 * Row 14. Launches that ended, were refused or are not known need no kill. On an agent that can't be reached the launch is
 * not wanted from now on, which the Sync on its return says again.
 */
export function acceptKills(
  { launches, reason, graceMs }: ServicesEventOf<'KillOrdered'>['data'],
  state: ClusterState,
): Decision<ClusterEvent> {
  const draft = new Draft(state);
  const final = FINAL.has(reason);
  for (const [agent, ids] of byAgent(state, launches, (row) => !row.unwanted || (final && !row.final))) {
    const row = state.agents.get(agent);
    if (row === undefined) continue;
    draft.add({
      type: 'KillAccepted',
      data: {
        ...nameOf(row),
        n: draft.nextOrder(agent),
        launches: ids,
        ...(graceMs === undefined ? {} : { graceMs }),
        ...(final ? { final } : {}),
      },
    });
  }
  return draft.accept();
}

function byAgent(
  state: ClusterState,
  launches: readonly LaunchId[],
  where: (row: LaunchRow) => boolean,
): Map<AgentId, LaunchId[]> {
  const groups = new Map<AgentId, LaunchId[]>();
  for (const launch of launches) {
    const row = state.launches.get(launch);
    if (row === undefined || !isLive(row) || !where(row)) continue;
    const group = groups.get(row.agent);
    if (group === undefined) groups.set(row.agent, [launch]);
    else group.push(launch);
  }
  return groups;
}

/** Asked for again, it is ordered again: a shorter grace than before is what an impatient operator wants. */
export function killTask(
  body: Extract<ClusterCommand, { type: 'KillTask' }>['body'],
  state: ClusterState,
): Decision<ClusterEvent> {
  const id = parseTaskId(body.task);
  const row = id === undefined ? undefined : currentLaunch(state, body.task);
  if (row === undefined) {
    return reject('unknown-task', `there is no task ${body.task}`, {
      field: '/task',
      remedy: id === undefined ? 'a task id looks like hello.web-0.server' : 'orrery task list',
    });
  }
  if (!isLive(row)) {
    return reject('task-ended', `incarnation ${row.incarnation} of ${body.task} is ${row.phase} already`, {
      field: '/task',
    });
  }
  const agent = state.agents.get(row.agent);
  if (agent === undefined) return reject('unknown-agent', `agent ${row.agent} of ${body.task} is not known`);
  const grace = body['grace-secs'];
  return accept({
    type: 'KillAccepted',
    data: {
      ...nameOf(agent),
      n: agent.ordered + 1,
      launches: [row.launch],
      ...(grace === undefined ? {} : { graceMs: Math.round(grace * 1000) }),
    },
  });
}

/** A returned grant is never launched on again, so its ended launches have told all they had to. */
export function forgetReturned(
  data: ServicesEventOf<'GrantReturned'>['data'],
  state: ClusterState,
): Decision<ClusterEvent> {
  const grants = data.grants.filter((grant) => state.launches.countBy('endedOf', grant) > 0);
  return grants.length === 0 ? accept() : accept({ type: 'GrantsForgotten', data: { grants } });
}

/** Launches left on agents that can't be reached stay until they end. */
export function forgetService(
  { service, generation }: ServicesEventOf<'ServiceRemoved'>['data'],
  state: ClusterState,
): Decision<ClusterEvent> {
  const nothing = endedOfService(state, { service, generation }).next().done === true;
  return nothing ? accept() : accept({ type: 'ServiceForgotten', data: { service, generation } });
}
