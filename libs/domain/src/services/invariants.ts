import {
  idsIn,
  numbersIn,
  type GrantId,
  type LaunchId,
  type ServicesEvent,
  type ServicesEventOf,
} from '@orrery/contracts';
import { keyOfPod, podAt, podOfGrant, podOfLaunch, rowsIn, rowsOf } from './pods.js';
import { membersOf } from './run-rows.js';

import { counted, isPod, memberAt, RUN_LENGTH_MAX } from './runs.js';
import { isRunning, isServing, isUp, mayProve, tallyOf } from './tallies.js';
import {
  launchesOf,
  planKey,
  podKey,
  tallyKey,
  type PodRow,
  type ServiceRow,
  type ServicesRows,
  type ServicesState,
  type TallyRow,
} from './state.js';
import { rollingOf, roomFor } from './rolling.js';
import { mayBePlaced } from './settle.js';
import { isAside } from './steps.js';
import { isToBeDrained, targetSpec, wantedCount } from './wanted.js';

/** What is wrong with a state, in sentences; none for a sound one. Walks everything: for tests, audits, simulation. */
export function servicesViolations(state: ServicesState): string[] {
  return [
    ...podViolations(state),
    ...tallyViolations(state),
    ...leavingViolations(state),
    ...uniqueViolations(state),
    ...planViolations(state),
    ...runViolations(state),
  ];
}

/** What is wrong with an event on the state before it: what a journal must never say. */
export function servicesEventViolations(rows: ServicesRows, event: ServicesEvent): string[] {
  if (event.type === 'GrantReturned')
    return [...idsIn<GrantId>(event.data.grants)].flatMap((grant) => returnViolation(rows, grant));
  if (event.type === 'KillOrdered' && event.data.reason === 'scaled-down')
    return [...idsIn<LaunchId>(event.data.launches)].flatMap((launch) => killViolation(rows, launch));
  if (event.type === 'KillOrdered' && event.data.reason === 'updated') return floorViolations(rows, event.data);
  if (event.type === 'ProbationPassed' || event.type === 'StepCompleted') return probationViolations(rows, event);
  return event.type === 'LaunchOrdered' ? launchViolations(rows, event.data) : [];
}

/** Nobody who is wanted is ended, and who has something to do before his end has done it, or an operator went on without. */
function killViolation(rows: ServicesRows, launch: LaunchId): string[] {
  const row = podOfLaunch(rows, launch);
  const service = row === undefined ? undefined : rows.services.get(row.service);
  if (row === undefined || service === undefined || row.drained === true || row.status === 'finished') return [];
  if (row.index < wantedCount(rows, service, row.pod))
    return [`launch ${launch} of ${keyOfPod(row)} is ended as not wanted`];
  if (!isToBeDrained(rows, service, row)) return [];
  return [`launch ${launch} is ended before ${row.pod}-${row.index} is drained`];
}

/**
 * None that is up is ended for a change when as many pods are away as the spec lets go, whatever the phases of a plan say: where
 * it says nothing, one goes after the other. A plan `update` of the spec that names a pod type is its own word on that.
 */
function floorViolations(
  rows: ServicesRows,
  { service: name, launches }: ServicesEventOf<'KillOrdered'>['data'],
): string[] {
  const service = rows.services.get(name);
  if (service?.deployed !== true) return [];
  const killed = [...idsIn<LaunchId>(launches)].flatMap((launch) => podOfLaunch(rows, launch) ?? []);
  const ended = new Map(killed.filter(isUp).map((row) => [keyOfPod(row), row]));
  const types = new Set(Array.from(ended.values(), ({ pod }) => pod));
  return [...types].flatMap((pod) => {
    const going = [...ended.values()].filter((row) => row.pod === pod).length;
    if (going <= roomForChange(rows, service, pod)) return [];
    return [`${going} pods of ${name}/${pod} are ended for a change, and there is no room for so many`];
  });
}

function roomForChange(rows: ServicesRows, service: ServiceRow, pod: string): number {
  const spec = targetSpec(rows, service);
  const rolling = rollingOf(spec, pod);
  if (rolling !== undefined) return roomFor(rows, service, pod, rolling);
  const own = spec.plans?.['update']?.phases ?? {};
  const plan = service.plan === undefined ? undefined : rows.plans.get(planKey(service.name, service.plan));
  const named = plan?.phases.some((phase) => {
    return phase.pod === pod && phase.action === 'deploy' && Object.hasOwn(own, phase.name);
  });
  // A step that was given up, by an operator or by `on-failure: continue`, keeps nobody waiting, nor does who failed by himself.
  if (named === true || plan?.forced === true) return Infinity;
  const changing = [...rowsOf(rows, service.name, pod)].filter(({ status, stopReason }) => {
    return status === 'stopping' && stopReason === 'updated';
  });
  return 1 - changing.length;
}

/** Who is told to be proven was on probation and is ready, and no step is complete before, unless an operator says so. */
function probationViolations(
  rows: ServicesRows,
  event: ServicesEventOf<'ProbationPassed'> | ServicesEventOf<'StepCompleted'>,
): string[] {
  if (event.type === 'ProbationPassed') {
    const { service, pod, indexes } = event.data;
    return [...numbersIn(indexes)].flatMap((index) => {
      const row = podAt(rows, service, pod, index);
      const proves = row?.probationUntil !== undefined && isServing(row);
      return proves ? [] : [`${pod}-${index} is told to be proven, and had nothing to prove`];
    });
  }
  const { service, plan, phase: name, indexes, forced } = event.data;
  const phase = rows.plans.get(planKey(service, plan))?.phases.find((known) => known.name === name);
  if (phase === undefined || phase.action !== 'deploy' || forced === true) return [];
  return rowsIn(rows, service, phase.pod, indexes).flatMap((row) =>
    row.probationUntil === undefined ? [] : [`the step of ${keyOfPod(row)} is complete while it is on probation`],
  );
}

function launchViolations(rows: ServicesRows, set: ServicesEventOf<'LaunchOrdered'>['data']): string[] {
  const { service, pod, task } = set;
  const launches = idsIn<LaunchId>(set.launches);
  const grants = idsIn<GrantId>(set.grants);
  return [...numbersIn(set.indexes)].flatMap((index) => {
    const launch = launches.next().value as LaunchId;
    const grant = grants.next().value as GrantId;
    const row = podAt(rows, service, pod, index);
    const found: string[] = [];
    if (row === undefined) found.push(`launch ${launch} is for ${pod}-${index}, which does not exist`);
    if (rows.leaving.has(grant)) found.push(`launch ${launch} is on grant ${grant}, which was given up`);
    if (row?.seat !== undefined && row.seat.grant !== grant) {
      found.push(`launch ${launch} is on grant ${grant}, but ${pod}-${index} sits on ${row.seat.grant}`);
    }
    if (row?.tasks[task]?.launch !== undefined) {
      found.push(`launch ${launch} of ${pod}-${index}.${task} while ${row.tasks[task].launch} is not over`);
    }
    return found;
  });
}

/** Only when no launch was ever ordered on it, or every one is known to be over, or the machine is gone. */
function returnViolation(rows: ServicesRows, grant: Parameters<typeof podOfGrant>[1]): string[] {
  const pod = podOfGrant(rows, grant);
  const left = rows.leaving.get(grant);
  if (left?.returned === true) return [`grant ${grant} is returned again`];
  if (pod?.resizing?.grant === grant) return [];
  const launches = pod === undefined ? (left?.launches ?? []) : launchesOf(pod);
  const agent = pod?.seat?.agent ?? left?.agent;
  if (launches.length === 0 || (agent !== undefined && rows.agents.get(agent)?.state === 'GONE')) return [];
  return [`grant ${grant} is returned while ${launches.join(', ')} may run on it`];
}

function podViolations(state: ServicesState): string[] {
  const found: string[] = [];
  for (const row of allPods(state)) {
    const key = keyOfPod(row);
    const service = state.services.get(row.service);
    if (service === undefined) found.push(`pod ${key} belongs to no service`);
    const seated = row.seat !== undefined;
    if (row.status === 'placing' && seated) found.push(`pod ${key} waits for a place and has one`);
    if (['live', 'stopping', 'waiting'].includes(row.status) && !seated)
      found.push(`pod ${key} is ${row.status} nowhere`);
    if (row.status !== 'placing' && row.request !== undefined)
      found.push(`pod ${key} is ${row.status} and wants a place`);
    if (row.resizing !== undefined && !seated) found.push(`pod ${key} is to be resized and sits nowhere`);
    if (row.probationUntil !== undefined && !mayProve(row)) found.push(`pod ${key} is on probation and not ready`);
    if (row.paused?.length === 0) found.push(`pod ${key} is paused, but none of its tasks`);
    if (service === undefined) continue;
    const plan = service.plan === undefined ? undefined : state.plans.get(planKey(service.name, service.plan));
    const started = plan?.status === 'running' && row.step === plan.run;
    const wanted =
      started &&
      row.until === undefined &&
      mayBePlaced(state, service, row) &&
      row.index < wantedCount(state, service, row.pod);
    if (row.status === 'placing' && row.request === undefined && wanted)
      found.push(`pod ${key} is wanted and asks for no place`);
    if (row.index >= tallyOf(state, row.service, row.pod).slots)
      found.push(`pod ${key} is beyond the slots of its type`);
  }
  return found;
}

function tallyViolations(state: ServicesState): string[] {
  const counted = new Map<string, Pick<TallyRow, 'pods' | 'running' | 'up' | 'finished'>>();
  for (const row of state.pods.values()) {
    const key = `${row.service}/${row.pod}`;
    const tally = counted.get(key) ?? { pods: 0, running: 0, up: 0, finished: 0 };
    counted.set(key, add(tally, row));
  }
  const found: string[] = [];
  for (const [key, { pods, running, up, finished }] of state.tallies.entries()) {
    const expected = JSON.stringify(counted.get(key) ?? { pods: 0, running: 0, up: 0, finished: 0 });
    const kept = JSON.stringify({ pods, running, up, finished });
    if (kept !== expected) found.push(`tally ${key} says ${kept}, counted ${expected}`);
    counted.delete(key);
  }
  return [...found, ...Array.from(counted.keys(), (key) => `pods of ${key} are in no tally`)];
}

function add(tally: Pick<TallyRow, 'pods' | 'running' | 'up' | 'finished'>, row: PodRow) {
  return {
    pods: tally.pods + 1,
    running: tally.running + (isRunning(row) ? 1 : 0),
    up: tally.up + (isUp(row) ? 1 : 0),
    finished: tally.finished + (row.status === 'finished' ? 1 : 0),
  };
}

function leavingViolations(state: ServicesState): string[] {
  const found: string[] = [];
  for (const [grant, row] of state.leaving.entries()) {
    if (row.launches.length === 0 && !row.returned) found.push(`grant ${grant} is free and was not returned`);
    if (row.launches.length > 0 && row.returned) found.push(`grant ${grant} was returned with launches on it`);
    const owner = state.services.get(row.service);
    const removed = owner === undefined || owner.generation !== row.generation;
    if (removed && !row.leftBehind) found.push(`grant ${grant} was forgotten by ${row.service}`);
  }
  return found;
}

/** A grant and a launch belong to one pod, or to one grant that is being given up. */
function uniqueViolations(state: ServicesState): string[] {
  const holders = new Map<string, string>();
  const found: string[] = [];
  const claim = (what: string, who: string) => {
    const other = holders.get(what);
    if (other === undefined) holders.set(what, who);
    else found.push(`${what} belongs to ${other} and to ${who}`);
  };
  for (const row of allPods(state)) {
    const key = keyOfPod(row);
    if (row.seat !== undefined) claim(`grant ${row.seat.grant}`, key);
    if (row.resizing?.grant !== undefined) claim(`grant ${row.resizing.grant}`, key);
    for (const launch of launchesOf(row)) claim(`launch ${launch}`, key);
  }
  for (const [grant, row] of state.leaving.entries()) {
    claim(`grant ${grant}`, `leaving ${grant}`);
    for (const launch of row.launches) claim(`launch ${launch}`, `leaving ${grant}`);
  }
  return found;
}

function planViolations(state: ServicesState): string[] {
  const found: string[] = [];
  for (const [key, plan] of state.plans.entries()) {
    for (const phase of plan.phases) {
      if (phase.done < 0 || phase.done > phase.total || phase.next > phase.total) {
        found.push(
          `phase ${phase.name} of ${key} has ${phase.done} of ${phase.total} steps done, ${phase.next} started`,
        );
      }
    }
    const service = state.services.get(plan.service);
    if (plan.status === 'running' && !isAside(plan) && service?.plan !== plan.plan)
      found.push(`plan ${key} runs, but is not the latest`);
  }
  return found;
}

/** A run counts itself right, overlaps no other one, and has no member that is a row as well. */
function runViolations(state: ServicesState): string[] {
  const found: string[] = [];
  let end = { pods: '', index: 0 };
  for (const [key, run] of state.runs.entries()) {
    const pods = tallyKey(run.service, run.pod);
    const last = run.first + run.length - 1;
    if (key !== podKey(run.service, run.pod, run.first)) found.push(`run ${key} begins at ${run.first}`);
    if (end.pods === pods && run.first <= end.index) found.push(`run ${key} overlaps the one before it`);
    if (run.first % RUN_LENGTH_MAX > last % RUN_LENGTH_MAX) found.push(`run ${key} goes over a border`);
    end = { pods, index: last };
    const { pods: podsIn, running, up, idle, returned } = counted(run);
    const says = [run.pods, run.running, run.up, run.idle, run.returned];
    const is = [podsIn, running, up, idle, returned];
    if (says.join() !== is.join()) found.push(`run ${key} says ${says.join()}, counted ${is.join()}`);
    if (run.pods + run.returned === 0) found.push(`run ${key} is empty`);
    for (const row of rowsIn(state, run.service, run.pod, [[run.first, last]])) {
      if (isPod(memberAt(run, row.index - run.first))) found.push(`pod ${keyOfPod(row)} is in a run and a row`);
    }
  }
  return found;
}

function* allPods(state: ServicesState): IterableIterator<PodRow> {
  yield* state.pods.values();
  for (const run of state.runs.values()) yield* membersOf(state, run);
}
