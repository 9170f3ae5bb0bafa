import { countIn, numbersIn, rangesOf, type Ranges } from '@orrery/contracts';
import { completePlan, completeSteps, stepRef } from './completion.js';
import { continueDrains } from './drain.js';
import { beginDraining } from './draining.js';
import { orderKills } from './launch.js';
import type { FreshPods } from './placement.js';
import { waitingForPeers } from './peers.js';
import { keyOfPod, podAt, rowsIn } from './pods.js';
import type { Proposal } from './proposal.js';
import { runsOf, spansIn } from './run-rows.js';
import { mayBeRun, stretchesOf } from './run-steps.js';
import { PLACING } from './runs.js';
import { isToBeResized, waitingToResize } from './resizing.js';
import { isAsPlanned, nextAway, rollingSteps, tellHeldBack } from './rolling.js';
import { settle } from './settle.js';
import { launchesOf, planKey, type PhaseRow, type PlanRow, type ServiceRow } from './state.js';
import { inTurn, isOfGang, openPhases, openRanges } from './steps.js';
import { tallyOf } from './tallies.js';
import { finishUninstall } from './uninstall.js';
import { beginVisits, isDoneForGood, pursueVisits } from './visits.js';
import { runsRecipe, wantedCount } from './wanted.js';

/** Steps that one decision starts; a larger plan goes on by `continue`. */
export const STEPS_PER_DECISION_MAX = 16_384;
/** A pod that is a row of its own takes as long as so many in a run. */
const STEPS_A_ROW = 16;

/**
 * Lets a service go on after something about these pods has changed: each pod does what comes next, steps that are done
 * complete, steps that may start do.
 */
export function pursue(proposal: Proposal, name: string, keys: readonly string[], refused?: ReadonlySet<string>): void {
  const service = proposal.state.services.get(name);
  if (service === undefined) return;
  const waiting = [...waitingForPeers(proposal.state, service), ...waitingToResize(proposal.state, name)];
  settle(proposal, service, waiting.length === 0 ? keys : [...new Set([...keys, ...waiting])], refused);
  completeSteps(proposal, name, keys);
  pursueVisits(proposal, name, keys);
  advance(proposal, name);
  continueDrains(proposal, name);
  finishUninstall(proposal, name);
}

/** Starts what may start, until nothing more may or the decision is full: what brings pods up first, then what runs beside them. */
export function advance(proposal: Proposal, name: string): void {
  const service = proposal.state.services.get(name);
  if (service === undefined) return;
  let left = STEPS_PER_DECISION_MAX;
  for (const plan of [service.plan, ...(service.asides ?? [])]) {
    if (plan !== undefined) left = advancePlan(proposal, planKey(name, plan), left);
  }
}

/** Gives what is left of the steps that this decision may start. */
function advancePlan(proposal: Proposal, key: string, steps: number): number {
  let left = steps;
  while (left > 0) {
    const plan = proposal.state.plans.get(key);
    const service = plan === undefined ? undefined : proposal.state.services.get(plan.service);
    if (service === undefined || plan?.status !== 'running') break;
    const batch = nextBatch(proposal, service, plan, left);
    if (batch === undefined) {
      completePlan(proposal, service, plan);
      break;
    }
    startSteps(proposal, service, plan, batch);
    for (const { indexes, weight } of batch) left -= countIn(indexes) * weight;
  }
  return left;
}

/** Steps of a phase that start now; of a gang, with those of its other phases. */
type Batch = readonly Part[];

interface Part {
  readonly phase: PhaseRow;
  readonly indexes: Ranges;
  readonly weight: number;
}

/** What may start now: of a serial phase one step, or as many as turn out to be done already. */
function nextBatch(proposal: Proposal, service: ServiceRow, plan: PlanRow, max: number): Batch | undefined {
  const phases = openPhases(plan);
  for (const phase of phases) {
    const weight = weightOf(proposal, service, phase);
    if (phase.gang !== undefined) {
      const gang = gangBatch(proposal, service, phases, phase);
      if (gang.length === 0) continue;
      return gang;
    }
    const most = Math.ceil(max / (inTurn(phase.strategy) ? STEPS_A_ROW : weight));
    if (phase.rolling !== undefined) {
      const steps = rollingSteps(proposal, service, phase, most);
      if (steps.length > 0)
        return [{ phase, indexes: rangesOf(steps.sort((left, right) => left - right)), weight: STEPS_A_ROW }];
      tellHeldBack(proposal, service, plan.plan, phase);
      continue;
    }
    const open = openRanges(phase, most);
    if (open.length === 0) continue;
    if (!inTurn(phase.strategy)) return [{ phase, indexes: open, weight }];
    const away = nextAway(proposal.state, service.name, phase);
    if (away !== undefined) return [{ phase, indexes: [[away, away]], weight: STEPS_A_ROW }];
    const upcoming = phase.held.length > 0 ? open : openRanges({ ...phase, strategy: 'parallel' }, most);
    const numbers = inOrderOfWork(phase, upcoming);
    const first = numbers.findIndex((index) => !isDoneBefore(proposal, service, plan, phase, index));
    const now = numbers.slice(0, first === -1 ? numbers.length : Math.max(1, first));
    return [{ phase, indexes: rangesOf(now), weight: STEPS_A_ROW }];
  }
  return undefined;
}

/** All steps of a gang that may start, however many: its size is bounded, and those that come later would be another gang. */
function gangBatch(proposal: Proposal, service: ServiceRow, phases: readonly PhaseRow[], first: PhaseRow): Batch {
  return phases
    .filter((phase) => isOfGang(phase, first))
    .map((phase) => ({
      phase,
      indexes: openRanges(phase, Number.POSITIVE_INFINITY),
      weight: weightOf(proposal, service, phase),
    }))
    .filter(({ indexes }) => indexes.length > 0);
}

/** Pods that can't be dealt with a run at a time take longer: those with data, and those that diverge, or will by this step. */
function weightOf({ state }: Proposal, service: ServiceRow, { pod, action, minimumUpMs }: PhaseRow): number {
  const recipe = service.recipes[pod] ?? service.version;
  if (
    minimumUpMs !== undefined ||
    action === 'restart' ||
    action === 'run' ||
    !mayBeRun(state, service.name, recipe, pod)
  )
    return STEPS_A_ROW;
  if (tallyOf(state, service.name, pod).pods * STEPS_A_ROW >= STEPS_PER_DECISION_MAX) return STEPS_A_ROW;
  if (state.agents.firstBy('state', 'UNREACHABLE') !== undefined) return STEPS_A_ROW;
  if (action === 'decommission') return 1;
  for (const [, run] of runsOf(state, service.name, pod)) {
    if (run.stopReason !== null || run.recipe !== recipe) return STEPS_A_ROW;
  }
  return 1;
}

function inOrderOfWork(phase: PhaseRow, ranges: Ranges): number[] {
  const numbers = [...numbersIn(ranges)];
  return phase.action === 'decommission' ? numbers.reverse() : numbers;
}

function startSteps(proposal: Proposal, service: ServiceRow, plan: PlanRow, batch: Batch): void {
  for (const { phase, indexes } of batch)
    proposal.emit({
      type: 'StepStarted',
      data: { ...stepRef(service, plan, phase.name, indexes), at: proposal.context.at },
    });
  const [{ phase, indexes }] = batch as readonly [Part];
  if (phase.action === 'run') return beginVisits(proposal, service, plan, phase, [...numbersIn(indexes)]);
  if (phase.action === 'decommission') {
    const draining = beginDraining(proposal, service, plan, phase, indexes);
    return pursueVisits(proposal, service.name, draining.map(keyOfPod));
  }
  bringUp(proposal, service, batch);
}

function bringUp(proposal: Proposal, service: ServiceRow, batch: Batch): void {
  const keys: string[] = [];
  const fresh: FreshPods[] = [];
  for (const { phase, indexes } of batch) {
    const rows = rowsIn(proposal.state, service.name, phase.pod, indexes);
    const changing = rows.filter((row) => {
      const living = row.status === 'live' && launchesOf(row).length > 0;
      if (phase.action === 'restart') return living;
      return living && !runsRecipe(proposal.state, service, row) && !isToBeResized(proposal.state, service, row);
    });
    orderKills(proposal, service, changing, phase.action === 'restart' ? 'restarted' : 'updated');
    keys.push(...rows.map(keyOfPod));
    fresh.push(...freshPods(proposal, service, phase.pod, indexes));
  }
  settle(proposal, service, keys, undefined, fresh);
  completeSteps(proposal, service.name, keys);
}

/** Members of runs that have just begun. */
function freshPods({ state }: Proposal, service: ServiceRow, pod: string, indexes: Ranges): FreshPods[] {
  const wanted = wantedCount(state, service, pod);
  return spansIn(state, service.name, pod, indexes).flatMap(({ run, from, to }) => {
    if (run.request !== null) return [];
    const ranges = stretchesOf(run, from, to, (code, position) => code === PLACING && run.first + position < wanted);
    return ranges.length === 0 ? [] : [{ pod, recipe: run.recipe, ranges }];
  });
}

function isDoneBefore(proposal: Proposal, service: ServiceRow, plan: PlanRow, phase: PhaseRow, index: number): boolean {
  if (phase.action === 'restart') return false;
  const row = podAt(proposal.state, service.name, phase.pod, index);
  if (phase.action === 'run') return row === undefined || isDoneForGood(proposal.state, plan, phase, row);
  if (phase.action === 'decommission') return row === undefined;
  if (row === undefined) return false;
  return isAsPlanned(proposal.state, service, row);
}
