import type { EpochMs } from '@orrery/kernel';
import {
  endMessage,
  idOf,
  idRunsOf,
  IdRunsBuilder,
  type ClusterEventOf,
  type GrantId,
  type IdRuns,
  type LaunchId,
  type ServiceRef,
  type ServiceSpec,
  type TaskEnds,
} from '@orrery/contracts';
import { backoffMs } from './backoff.js';
import { codeAt } from './codes.js';
import { orderKills } from './launch.js';
import { taskFailed } from './failing.js';
import { keysByService, leavingOfLaunch, podByKey, podOfLaunch } from './pods.js';
import { pursue } from './progress.js';
import type { Proposal } from './proposal.js';
import { recipeAt, type TaskRecipe } from './recipe.js';
import { walkIds } from './run-members.js';
import { GONE, memberAt, NONE, STOPPING } from './runs.js';
import { launchesOf, ownerKey, podKey, type LeavingRow, type PodRow, type ServiceRow, type TaskRow } from './state.js';
import { visitFailed, visitRefused } from './visits.js';
import { holdsData, targetSpec } from './wanted.js';

/** A task that ran at least so long, and as long as it had waited before, starts with a clean slate. */
const STEADY_MS = 60_000;

/** Characters of a decision that retries leave for the launches and kills that follow. */
const RETRIES_ROOM_MIN = 96 * 1024;
const SAID_LENGTH_MAX = 500;

/** `ended`: for no fault of the task's. `refused`: the agent turned the launch away, it never ran. */
type Outcome = 'exited' | 'failed' | 'ended' | 'refused';

interface End extends Told {
  readonly launch: LaunchId;
}

/** How launches ended. `how`, `said`: as in a `TaskFailure`. */
interface Told {
  readonly outcome: Outcome;
  readonly how: string;
  readonly said?: string;
}

export function tasksEnded(proposal: Proposal, { ends }: ClusterEventOf<'TasksEnded'>['data']): void {
  launchesOver(
    proposal,
    ends.map((end) => ({ launches: end.launches, outcome: outcomeOf[end.state], ...howOf(end) })),
  );
}

export function tasksLost(proposal: Proposal, { launches }: ClusterEventOf<'TasksLost'>['data']): void {
  launchesOver(proposal, [{ launches, outcome: 'ended', how: 'was lost' }]);
}

export function launchesRefused(proposal: Proposal, { launches, code }: ClusterEventOf<'LaunchRefused'>['data']): void {
  launchesOver(proposal, [{ launches, outcome: 'refused', how: `was refused (${code})` }]);
}

function howOf({ reason, exit, message }: TaskEnds): Omit<Told, 'outcome'> {
  const exited = reason === 'exit-code' || reason === 'signal' ? endMessage({ reason, exit }) : undefined;
  const said = message === undefined ? {} : { said: message.slice(0, SAID_LENGTH_MAX) };
  return { how: exited ?? `failed (${reason})`, ...said };
}

const outcomeOf = { FINISHED: 'exited', FAILED: 'failed', ERROR: 'failed', KILLED: 'ended', LOST: 'ended' } as const;

interface Ends extends Told {
  readonly launches: IdRuns;
}

/** Members of runs that were told to end are just told to be over; what follows from that follows by `continue`. */
function launchesOver(proposal: Proposal, all: readonly Ends[]): void {
  const over = new IdRunsBuilder();
  const ends: End[] = [];
  for (const { launches, ...told } of all) {
    walkIds<LaunchId>(proposal.state, 'launch', launches, {
      known: ({ run, task, position: at, seq, first }, from, count) => {
        const plain = run.tasks[task]!.kind !== 'batch' || told.outcome !== 'exited';
        for (let position = from; position < from + count; position += 1) {
          const code = memberAt(run, position);
          const living = codeAt(run.status[task]!, position) !== NONE;
          const ordinal = first + position - at;
          if (code === GONE || (living && !(plain && code === STOPPING))) {
            ends.push({ launch: idOf(seq, ordinal), ...told });
          } else if (living) over.add(seq, ordinal);
        }
      },
      unknown: (launch) => ends.push({ launch, ...told }),
    });
  }
  if (over.count > 0) {
    const data = { state: 'ENDED', at: proposal.context.at, launches: over.runs } as const;
    proposal.emit({ type: 'TasksObserved', data });
  }
  if (ends.length > 0) podsOver(proposal, ends);
}

function podsOver(proposal: Proposal, ends: readonly End[]): void {
  const ofPods = ends.flatMap((end) => {
    const row = podOfLaunch(proposal.state, end.launch);
    return row === undefined ? [] : [{ end, row }];
  });
  for (const [name, keys] of keysByService(ofPods.map(({ row }) => row))) {
    const service = proposal.state.services.get(name)!;
    const own = ofPods.filter(({ row }) => row.service === name);
    podsEnded(proposal, service, own, keys);
  }
  leavingEnded(proposal, ends);
}

interface PodEnd {
  readonly end: End;
  /** The pod before it was told. */
  readonly row: PodRow;
}

function podsEnded(proposal: Proposal, service: ServiceRow, ends: readonly PodEnd[], keys: readonly string[]): void {
  const judged = ends.map(({ end, row }) => ({ end, row, ...judge(proposal, end, row) }));
  const finished = judged.filter(({ goalReached }) => goalReached).map(({ end }) => end.launch);
  const over = judged.filter(({ goalReached }) => !goalReached).map(({ end }) => end.launch);
  observe(proposal, 'FINISHED', finished);
  observe(proposal, 'ENDED', over);
  const refused = new Set<string>();
  const restart = new Map<string, 'restarted' | 'replaced'>();
  for (const { end, row, name, failed, essential, goalReached } of judged) {
    if (row.status !== 'live') continue;
    if (row.tasks[name]!.visit === true) {
      if (failed) visitFailed(proposal, service, row, { task: name, ...end });
      else if (end.outcome === 'refused') visitRefused(proposal, service, row);
      continue;
    }
    const key = podKey(row.service, row.pod, row.index);
    const turnedAway = end.outcome === 'refused';
    if (turnedAway) refused.add(key);
    // A pod whose data is there has to come back to the same machine, at its own pace.
    if (failed || (turnedAway && holdsData(row))) {
      const failures = scheduleRetry(proposal, service, row, name, essential);
      if (failed) taskFailed(proposal, service, row, { task: name, failures, ...end });
    }
    if (turnedAway && !holdsData(row)) restart.set(key, 'replaced');
    else if (essential && !goalReached && !restart.has(key)) restart.set(key, 'restarted');
  }
  for (const reason of ['restarted', 'replaced'] as const) {
    const rows = [...restart].filter(([, why]) => why === reason).map(([key]) => podByKey(proposal.state, key)!);
    orderKills(
      proposal,
      service,
      rows.filter((row) => launchesOf(row).length > 0),
      reason,
    );
  }
  pursue(proposal, service.name, keys, refused);
}

function judge(proposal: Proposal, { launch, outcome }: End, row: PodRow) {
  const [name] = Object.entries(row.tasks).find(([, candidate]) => candidate.launch === launch)!;
  if (row.tasks[name]!.visit === true) {
    return { name, goalReached: outcome === 'exited', failed: outcome === 'failed', essential: false };
  }
  const recipe = taskRecipeOf(proposal, row, name);
  const goal = recipe?.goal ?? 'RUNNING';
  const goalReached = outcome === 'exited' && goal !== 'RUNNING';
  const failed = outcome === 'failed' || (outcome === 'exited' && !goalReached);
  return { name, goalReached, failed, essential: recipe?.essential ?? true };
}

function taskRecipeOf(proposal: Proposal, row: PodRow, task: string): TaskRecipe | undefined {
  const recipe = recipeAt(proposal.state, row.service, row.launched ?? row.recipe, row.pod);
  return recipe?.tasks.find(({ name }) => name === task);
}

function scheduleRetry(
  proposal: Proposal,
  service: ServiceRow,
  { pod, index, tasks, probationUntil }: PodRow,
  task: string,
  wholePod: boolean,
): number {
  // Of very many failures told at once the last are not counted: better than not to decide at all.
  if (proposal.room < RETRIES_ROOM_MIN) return 0;
  const { at } = proposal.context;
  const row = tasks[task]!;
  const spec = targetSpec(proposal.state, service);
  const failures = probationUntil === undefined && wasSteady(spec, row, at) ? 1 : row.failures + 1;
  const { name, generation } = service;
  const until = at + backoffMs(spec, failures);
  const whole = wholePod ? { wholePod } : {};
  proposal.emit({
    type: 'RetryScheduled',
    data: { service: name, generation, pod, index, task, until, failures, ...whole },
  });
  return failures;
}

function wasSteady(spec: ServiceSpec, task: TaskRow, at: EpochMs): boolean {
  return task.since !== undefined && at - task.since >= Math.max(STEADY_MS, backoffMs(spec, task.failures));
}

function observe(proposal: Proposal, state: 'FINISHED' | 'ENDED', launches: readonly LaunchId[]): void {
  if (launches.length === 0) return;
  const { at } = proposal.context;
  proposal.emit({ type: 'TasksObserved', data: { state, at, launches: idRunsOf(launches) } });
}

/** The last launch on a grant that nobody sits on any more lets the grant go. */
function leavingEnded(proposal: Proposal, ends: readonly End[]): void {
  const owners = new Map<string, { owner: LeavingRow; launches: LaunchId[]; grants: Set<GrantId> }>();
  for (const { launch } of ends) {
    const found = leavingOfLaunch(proposal.state, launch);
    if (found === undefined) continue;
    const [grant, row] = found;
    const key = ownerKey(row.service, row.generation);
    const filed = owners.get(key) ?? { owner: row, launches: [], grants: new Set<GrantId>() };
    filed.launches.push(launch);
    owners.set(key, { ...filed, grants: filed.grants.add(grant) });
  }
  for (const { owner, launches, grants } of owners.values()) {
    const successors = [...grants].map((grant) => keyOf(proposal.state.leaving.get(grant)!));
    observe(proposal, 'ENDED', launches);
    returnEmpty(proposal, owner, [...grants]);
    pursueOwner(proposal, owner, successors);
  }
}

function returnEmpty(proposal: Proposal, { service, generation }: LeavingRow, grants: readonly GrantId[]): void {
  for (const destroyVolumes of [false, true]) {
    const empty = grants.filter((grant) => {
      const row = proposal.state.leaving.get(grant);
      return row !== undefined && row.launches.length === 0 && !row.returned && row.destroyVolumes === destroyVolumes;
    });
    if (empty.length === 0) continue;
    const destroy = destroyVolumes ? { destroyVolumes } : {};
    proposal.emit({ type: 'GrantReturned', data: { service, generation, grants: idRunsOf(empty), ...destroy } });
  }
}

/** Goes on with a service and these pods of it, unless the one of that name is a later one. */
export function pursueOwner(proposal: Proposal, { service, generation }: ServiceRef, keys: readonly string[]): void {
  if (proposal.state.services.get(service)?.generation === generation) pursue(proposal, service, keys);
}

/** The pod that a grant was for, and may be for another one of: its successor may wait for this end. */
export function keyOf({ service, pod, index }: LeavingRow): string {
  return podKey(service, pod, index);
}
