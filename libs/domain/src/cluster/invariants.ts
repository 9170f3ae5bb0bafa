import type { ClusterEvent, LaunchId } from '@orrery/contracts';
import { lossBudget } from './lapses.js';
import { isLive, isLivePhase, LOSS_WINDOW_MS, type AgentRow, type ClusterState, type LaunchRow } from './state.js';

/**
 * What holds of every state of the cluster journal, stated once. Each line names the invariant that is broken and where.
 * Walks the whole state: for tests, simulation and audits.
 */
export function clusterViolations(state: ClusterState): string[] {
  return [...agentViolations(state), ...launchViolations(state), ...templateViolations(state)];
}

function* agentViolations(state: ClusterState): IterableIterator<string> {
  for (const [agent, row] of state.agents.entries()) {
    const living = state.launches.countBy('liveOn', agent);
    if (row.standing === 'GONE') {
      if (row.reachable || row.lapseHeld) yield `gone-is-final: ${agent} is GONE and has a lease`;
      if (living > 0 !== row.losing) yield `gone-loses-all: ${agent} is GONE with ${living} live launches`;
    }
    if (row.standing !== 'DRAINING' && row.drainDeadline !== undefined) yield `deadline-of-a-drain: ${agent}`;
    if (row.standing === 'DRAINED' && living > 0) yield `drained-is-empty: ${agent} has ${living} live launches`;
    if (row.lapseHeld && !row.reachable) yield `held-is-not-lost: ${agent}`;
  }
}

function* launchViolations(state: ClusterState): IterableIterator<string> {
  const volumes = new Map<string, LaunchId>();
  for (const [launch, row] of state.launches.entries()) {
    if (!isLive(row)) continue;
    if (!state.agents.has(row.agent)) yield `launched-on-an-agent: ${launch} on ${row.agent}`;
    // P6: two incarnations of a pod with a volume never overlap; tasks of one pod share its volumes.
    for (const { volume } of row.volumes) {
      const key = `${volume} ${row.task}`;
      const other = volumes.get(key);
      if (other !== undefined) yield `volume-held-once: ${volume} by ${other} and ${launch}`;
      volumes.set(key, launch);
    }
  }
}

function* templateViolations(state: ClusterState): IterableIterator<string> {
  const uses = new Map<string, number>();
  for (const row of state.launches.values()) {
    if (isLive(row)) uses.set(row.templateDigest, (uses.get(row.templateDigest) ?? 0) + 1);
  }
  for (const [digest, row] of state.templates.entries()) {
    if (row.uses !== uses.get(digest)) yield `template-counted: ${digest} says ${row.uses}, found ${uses.get(digest)}`;
    uses.delete(digest);
  }
  for (const digest of uses.keys()) yield `template-kept: ${digest} is used and not there`;
}

/**
 * What one event may do. Asked before the event is folded, the answer is called after it: looks only at the rows that the
 * event names, so a long run can afford it at every step.
 */
export function watchEvent(state: ClusterState, event: ClusterEvent): () => string[] {
  const agent = 'agent' in event.data ? event.data.agent : undefined;
  const before = agent === undefined ? undefined : state.agents.get(agent);
  const rows = launchesIn(event).map((launch) => [launch, state.launches.get(launch)] as const);
  return () => {
    const after = agent === undefined ? undefined : state.agents.get(agent);
    const launched = rows.flatMap(([launch, row]) => launchSteps(launch, row, state.launches.get(launch)));
    return [
      ...agentSteps(before, after, event),
      ...launched,
      ...acceptance(event, before, rows),
      ...budget(event, state),
    ];
  };
}

function agentSteps(before: AgentRow | undefined, after: AgentRow | undefined, { type }: ClusterEvent): string[] {
  if (before === undefined || after === undefined) return [];
  const broken: string[] = [];
  const name = `${before.agent} by ${type}`;
  if (before.standing === 'GONE' && after.standing !== 'GONE') broken.push(`gone-is-final: ${name}`);
  const epochs = after.epoch - before.epoch;
  if (epochs < 0 || epochs > 0 !== (type === 'AgentRegistered')) broken.push(`epochs-rise: ${name}`);
  if (epochs > 0) return broken;
  if (after.ordered !== before.ordered && after.ordered !== before.ordered + 1) broken.push(`n-has-no-gap: ${name}`);
  if (after.reported < before.reported) broken.push(`m-rises: ${name}`);
  return broken;
}

const RANK = { STAGING: 0, STARTING: 1, RUNNING: 2 } as const;

function launchSteps(launch: LaunchId, before: LaunchRow | undefined, after: LaunchRow | undefined): string[] {
  if (before === undefined || after === undefined) return [];
  const broken: string[] = [];
  if (!isLivePhase(before.phase)) {
    if (before !== after) broken.push(`end-is-for-ever: ${launch} from ${before.phase} to ${after.phase}`);
  } else if (isLivePhase(after.phase) && RANK[after.phase] < RANK[before.phase]) {
    broken.push(`phases-rise: ${launch} from ${before.phase} to ${after.phase}`);
  }
  if (before.unwanted && !after.unwanted) broken.push(`unwanted-is-for-ever: ${launch}`);
  if (before.agent !== after.agent || before.grant !== after.grant) broken.push(`launches-never-move: ${launch}`);
  return broken;
}

/** Row 4: only on an agent that is there, in its epoch, and never twice. */
function acceptance(
  event: ClusterEvent,
  agent: AgentRow | undefined,
  rows: readonly (readonly [LaunchId, LaunchRow | undefined])[],
): string[] {
  if (event.type !== 'LaunchAccepted') return [];
  const broken = rows.flatMap(([launch, row]) => (row === undefined ? [] : [`launch-ids-once: ${launch}`]));
  const open = agent?.standing === 'ACTIVE' && agent.reachable && agent.epoch === event.data.epoch;
  return open ? broken : [...broken, `launched-where-active: on ${event.data.agent}`];
}

/** P7: no mass loss without a command that asked for it. */
function budget(event: ClusterEvent, state: ClusterState): string[] {
  if (event.type !== 'AgentUnreachable' || event.data.confirmed === true) return [];
  const { at } = event.data;
  const lost = [...state.losses.values()].filter((loss) => loss.at > at - LOSS_WINDOW_MS).length;
  return lost > lossBudget(state) ? [`losses-within-budget: ${lost} within a minute`] : [];
}

function launchesIn(event: ClusterEvent): LaunchId[] {
  if ('launches' in event.data) {
    return event.data.launches.map((launch) => (typeof launch === 'string' ? launch : launch.launch));
  }
  return 'tasks' in event.data ? event.data.tasks.map(({ launch }) => launch) : [];
}
