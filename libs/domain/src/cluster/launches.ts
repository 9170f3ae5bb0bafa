import {
  eachAgentRun,
  eachIdRun,
  idOf,
  idRunsOf,
  idsIn,
  IdRunsBuilder,
  membersIn,
  MembersBuilder,
  parseTaskId,
  valueAt,
  type ClusterCommand,
  type ClusterEvent,
  type GrantId,
  type IdRuns,
  type LaunchId,
  type LaunchSet,
  type ServicesEventOf,
} from '@orrery/contracts';
import { accept, reject, type Decision, type DecisionContext } from '@orrery/kernel';
import { endedOn } from './evolve-launches.js';
import { endedOfService, findLaunches } from './find.js';
import { FINAL, idOfMember, toldOf, UNWANTED } from './runs.js';
import { flagsOf, idsWhere } from './select.js';
import { isLive, type ClusterState } from './state.js';
import { currentLaunch } from './views.js';

/**
 * Row 4: a launch is accepted on an agent that is ACTIVE in the epoch that its grant was made for, and never twice. One
 * event for all members whose agents take them, one for each reason why others don't.
 */
export function acceptLaunches(
  { template, ...set }: ServicesEventOf<'LaunchOrdered'>['data'],
  state: ClusterState,
  { at }: DecisionContext,
): Decision<ClusterEvent> {
  const { taken, refused } = judged(set, state);
  const events: ClusterEvent[] = [];
  if (taken !== undefined) {
    const digest = set.templateDigest;
    if (!state.templates.has(digest)) events.push({ type: 'TemplateKept', data: { digest, template } });
    events.push({ type: 'LaunchAccepted', data: { ...taken, at } });
  }
  const { service, generation } = set;
  for (const [code, launches] of refused) {
    events.push({ type: 'LaunchRefused', data: { service, generation, launches: launches.runs, code } });
  }
  return accept(...events);
}

interface Judged {
  readonly taken?: LaunchSet;
  readonly refused: ReadonlyMap<string, IdRunsBuilder>;
}

const NONE_REFUSED: ReadonlyMap<string, IdRunsBuilder> = new Map();

function judged(set: LaunchSet, state: ClusterState): Judged {
  const codes: (string | undefined)[] = [];
  eachAgentRun(set.agents, (agent, epoch) => void codes.push(refusalOf(agent, epoch, state)));
  const used = usedOf(set.launches, state);
  if (used.size === 0 && codes.every((code) => code === undefined)) return { taken: set, refused: NONE_REFUSED };

  const refused = new Map<string, IdRunsBuilder>();
  const members = new MembersBuilder();
  const [launches, grants] = [new IdRunsBuilder(), new IdRunsBuilder()];
  const [ids, held] = [idsIn<LaunchId>(set.launches), idsIn<GrantId>(set.grants)];
  const codeOf = codes.flatMap((code, run) =>
    new Array<string | undefined>(valueAt(set.agents.counts, run)).fill(code),
  );
  let position = 0;
  for (const member of membersIn(set)) {
    const launch = ids.next().value as LaunchId;
    const grant = held.next().value as GrantId;
    const code = codeOf[position++] ?? (used.has(launch) ? 'launch-id-used' : undefined);
    if (code === undefined) {
      members.add(member);
      launches.addId(launch);
      grants.addId(grant);
    } else {
      const others = refused.get(code) ?? new IdRunsBuilder();
      refused.set(code, others);
      others.addId(launch);
    }
  }
  if (members.count === 0) return { refused };
  const { indexes: _, agents: __, ports: ___, gpuIds: ____, volumes: _____, ...shared } = set;
  return { taken: { ...shared, ...members.members, launches: launches.runs, grants: grants.runs }, refused };
}

export function refusalOf(number: number, epoch: number, state: ClusterState): string | undefined {
  if (state.agents.takesLaunches(number, epoch)) return undefined;
  const agent = state.agents.numbered(number);
  if (agent === undefined) return 'unknown-agent';
  if (agent.epoch !== epoch) return 'epoch-passed';
  return agent.reachable ? 'agent-not-active' : 'agent-unreachable';
}

/** Launch ids that are known already. */
function usedOf(launches: IdRuns, state: ClusterState): ReadonlySet<string> {
  const used = new Set<string>();
  findLaunches(state, launches, {
    run: (_, run, from, to) => {
      for (let at = from; at < to; at += 1) {
        if (toldOf(run, at) === 0) continue;
        const { seq, ordinal } = idOfMember(run, at);
        used.add(idOf(seq, ordinal));
      }
    },
    row: (_, row) => void used.add(row.launch),
  });
  return used;
}

/** Kills for which the service returns the grant at once: their rows need not outlive the task. */
const FINAL_REASONS: ReadonlySet<string> = new Set(['scaled-down', 'uninstalled', 'replaced', 'drained', 'preempted']);

/**
 * Row 14. Launches that ended, were refused or are not known need no kill. On an agent that can't be reached the launch is
 * not wanted from now on, which the Sync on its return says again.
 */
export function acceptKills(
  { launches, reason, graceMs }: ServicesEventOf<'KillOrdered'>['data'],
  state: ClusterState,
): Decision<ClusterEvent> {
  const final = FINAL_REASONS.has(reason);
  const needed = flagsOf(state, launches, {
    member: (told) => (told & UNWANTED) === 0 || (final && (told & FINAL) === 0),
    row: (row) => !row.unwanted || (final && !row.final),
  });
  const killed = idsWhere(launches, needed);
  if (killed.length === 0) return accept();
  return accept({
    type: 'KillAccepted',
    data: {
      launches: killed,
      ...(graceMs === undefined ? {} : { graceMs }),
      ...(final ? { final } : {}),
    },
  });
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
  const grace = body['grace-secs'];
  return accept({
    type: 'KillAccepted',
    data: {
      launches: idRunsOf([row.launch]),
      ...(grace === undefined ? {} : { graceMs: Math.round(grace * 1000) }),
    },
  });
}

/** A returned grant is never launched on again, so its ended launches have told all they had to. */
export function forgetReturned(
  data: ServicesEventOf<'GrantReturned'>['data'],
  state: ClusterState,
): Decision<ClusterEvent> {
  const grants = new IdRunsBuilder();
  eachIdRun(data.grants, (seq, first, last) => {
    const ended = endedOn(state, seq, first, last).map((key) => state.launches.get(key)!.grant);
    for (const grant of new Set(ended)) grants.addId(grant);
  });
  return grants.count === 0 ? accept() : accept({ type: 'GrantsForgotten', data: { grants: grants.runs } });
}

/** Launches left on agents that can't be reached stay until they end. */
export function forgetService(
  { service, generation }: ServicesEventOf<'ServiceRemoved'>['data'],
  state: ClusterState,
): Decision<ClusterEvent> {
  const nothing = endedOfService(state, { service, generation }).next().done === true;
  return nothing ? accept() : accept({ type: 'ServiceForgotten', data: { service, generation } });
}
