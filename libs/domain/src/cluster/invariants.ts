import { idsIn, membersIn, type ClusterEvent, type IdRuns, type LaunchId } from '@orrery/contracts';
import { countOnAgent, launchOf, membersOf } from './find.js';
import { lossBudget } from './lapses.js';
import { RUN_MEMBERS_MAX, RUN_MEMBERS_MIN } from './runs.js';
import {
  isLive,
  isLivePhase,
  LOSS_WINDOW_MS,
  memberOf,
  type AgentRow,
  type ClusterState,
  type LaunchRow,
} from './state.js';

/**
 * What holds of every state of the cluster journal, stated once. Each line names the invariant that is broken and where.
 * Walks the whole state: for tests, simulation and audits.
 */
export function clusterViolations(state: ClusterState): string[] {
  return [...agentViolations(state), ...launchViolations(state), ...runViolations(state), ...templateViolations(state)];
}

function* agentViolations(state: ClusterState): IterableIterator<string> {
  for (const [agent, row] of state.agents.entries()) {
    const living = countOnAgent(state, agent);
    if (row.standing === 'GONE') {
      if (row.reachable || row.lapseHeld) yield `gone-is-final: ${agent} is GONE and has a lease`;
      if (living > 0 !== row.losing) yield `gone-loses-all: ${agent} is GONE with ${living} live launches`;
    }
    if (row.standing !== 'DRAINING' && row.drainDeadline !== undefined) yield `deadline-of-a-drain: ${agent}`;
    if (row.standing === 'DRAINED' && living > 0) yield `drained-is-empty: ${agent} has ${living} live launches`;
    if (row.lapseHeld && !row.reachable) yield `held-is-not-lost: ${agent}`;
  }
  const living = new Map<number, number>();
  for (const row of launches(state)) if (isLive(row)) living.set(row.on, (living.get(row.on) ?? 0) + 1);
  for (const { agent, number } of state.agents.values()) {
    const [said, found] = [state.counters.live(number), living.get(number) ?? 0];
    if (said !== found) yield `living-counted: ${agent} says ${said}, found ${found}`;
    if (state.agents.numbered(number)?.agent !== agent) yield `numbers-once: ${number} is not that of ${agent} alone`;
  }
}

function* launches(state: ClusterState): IterableIterator<LaunchRow> {
  for (const run of state.runs.values()) yield* membersOf(state, run);
  yield* state.launches.values();
}

/** A launch is in one place, and runs are worth their while. */
function* runViolations(state: ClusterState): IterableIterator<string> {
  const seen = new Set<LaunchId>();
  for (const { launch } of launches(state)) {
    if (seen.has(launch)) yield `launch-in-one-place: ${launch}`;
    seen.add(launch);
  }
  for (const [key, run] of state.runs.entries()) {
    const left = [...membersOf(state, run)].length;
    if (left !== run.left) yield `run-counted: ${key} says ${run.left}, found ${left}`;
    for (const row of run.again === undefined ? [] : membersOf(state, run)) {
      if (launchOf(state, row.launch)?.index !== row.index) yield `found-by-its-name: ${row.launch} of ${key}`;
    }
    const returned = (run.again ?? []).filter((_, at) => at % 4 === 0);
    for (const member of returned) {
      if (memberOf(state, run, member) === undefined) yield `runs-again-where-it-is: member ${member} of ${key}`;
    }
    if (left < RUN_MEMBERS_MIN || run.of.count > RUN_MEMBERS_MAX) yield `run-of-its-size: ${key} has ${left}`;
  }
}

function* launchViolations(state: ClusterState): IterableIterator<string> {
  const volumes = new Map<string, LaunchId>();
  for (const row of launches(state)) {
    if (!isLive(row)) continue;
    const { launch } = row;
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
  for (const row of launches(state)) {
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
  const counted = before === undefined ? undefined : countedOf(state, before);
  const rows = launchesIn(event).map((launch) => [launch, launchOf(state, launch)] as const);
  const accepted = acceptance(event, state, rows);
  return () => {
    const after = agent === undefined ? undefined : state.agents.get(agent);
    const launched = rows.flatMap(([launch, row]) => launchSteps(launch, row, launchOf(state, launch)));
    return [
      ...agentSteps(before, after, event),
      ...(after === undefined || after.epoch !== before?.epoch
        ? []
        : countSteps(counted!, countedOf(state, after), event)),
      ...launched,
      ...accepted,
      ...budget(event, state),
    ];
  };
}

interface Counted {
  readonly ordered: number;
  readonly reported: number;
}

function countedOf({ counters }: ClusterState, { number }: AgentRow): Counted {
  return { ordered: counters.ordered(number), reported: counters.reported(number) };
}

function agentSteps(before: AgentRow | undefined, after: AgentRow | undefined, { type }: ClusterEvent): string[] {
  if (before === undefined || after === undefined) return [];
  const broken: string[] = [];
  const name = `${before.agent} by ${type}`;
  if (before.standing === 'GONE' && after.standing !== 'GONE') broken.push(`gone-is-final: ${name}`);
  if (before.number !== after.number) broken.push(`numbers-stay: ${name}`);
  const epochs = after.epoch - before.epoch;
  if (epochs < 0 || epochs > 0 !== (type === 'AgentRegistered')) broken.push(`epochs-rise: ${name}`);
  return broken;
}

function countSteps(before: Counted, after: Counted, { type }: ClusterEvent): string[] {
  const broken: string[] = [];
  if (after.ordered !== before.ordered && after.ordered !== before.ordered + 1) broken.push(`n-has-no-gap: by ${type}`);
  if (after.reported < before.reported) broken.push(`m-rises: by ${type}`);
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
  state: ClusterState,
  rows: readonly (readonly [LaunchId, LaunchRow | undefined])[],
): string[] {
  if (event.type !== 'LaunchAccepted') return [];
  const broken = rows.flatMap(([launch, row]) => (row === undefined ? [] : [`launch-ids-once: ${launch}`]));
  for (const { agent, epoch } of membersIn(event.data)) {
    const row = state.agents.numbered(agent);
    const open = row?.standing === 'ACTIVE' && row.reachable && row.epoch === epoch;
    if (!open) broken.push(`launched-where-active: on ${agent}`);
  }
  return broken;
}

/** P7: no mass loss without a command that asked for it. */
function budget(event: ClusterEvent, state: ClusterState): string[] {
  if (event.type !== 'AgentUnreachable' || event.data.confirmed === true) return [];
  const { at } = event.data;
  const lost = [...state.losses.values()].filter((loss) => loss.at > at - LOSS_WINDOW_MS).length;
  return lost > lossBudget(state) ? [`losses-within-budget: ${lost} within a minute`] : [];
}

function launchesIn({ data }: ClusterEvent): LaunchId[] {
  const sets: IdRuns[] = [];
  if ('launches' in data) sets.push(data.launches);
  if ('ends' in data) sets.push(...data.ends.map((ends) => ends.launches));
  return sets.flatMap((launches) => [...idsIn<LaunchId>(launches)]);
}
