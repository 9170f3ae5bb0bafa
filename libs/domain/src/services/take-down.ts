import { IdRunsBuilder, type RequestId } from '@orrery/contracts';
import { completeSteps, stepRef } from './completion.js';
import { orderKills, orderKillsOf } from './launch.js';
import { withdraw } from './placement.js';
import { keyOfPod, podAt, rowsIn } from './pods.js';
import { codeAt } from './codes.js';
import { numberOf } from './agents.js';
import type { Proposal } from './proposal.js';
import { membersOf, spansIn } from './run-rows.js';
import { absentIn, stretchesOf, unionOf, type Range } from './run-steps.js';
import { isIdleAt, isPod, LIVE, memberAt, NONE, PLACING, type RunRow, someMember } from './runs.js';
import { eachSegment } from './segments.js';
import { settle } from './settle.js';
import { launchesOf, type PhaseRow, type PlanRow, type PodRow, type ServiceRow } from './state.js';
import { leaveBehind } from './uninstall.js';
import type { AgentId, Ranges } from '@orrery/contracts';

/** Begins the end of pods that are not wanted any more: together where they are alike, one by one where they are not. */
export function takeDown(
  proposal: Proposal,
  service: ServiceRow,
  plan: PlanRow,
  phase: PhaseRow,
  indexes: Ranges,
): void {
  const { state } = proposal;
  const rows = rowsIn(state, service.name, phase.pod, indexes);
  const lost = numbersOfLost(proposal);
  const together: RunRow[] = [];
  for (const { run, from, to } of spansIn(state, service.name, phase.pod, indexes)) {
    // Few members that left as rows have holes in a run of others, which stays.
    if (!someMember(run, from, to, isPod)) continue;
    if (needsCare(run, lost)) rows.push(...membersOf(state, run));
    else together.push(run);
  }
  takeDownRuns(proposal, service, together);
  takeDownPods(proposal, service, rows);
  const absent = unionOf([
    ...absentIn(proposal.state, service.name, phase.pod, indexes),
    ...together.flatMap(withoutPlace),
  ]);
  if (absent.length > 0) {
    proposal.emit({ type: 'StepCompleted', data: stepRef(service, plan, phase.name, absent) });
  }
  const keys = rows.map(keyOfPod);
  settle(proposal, service, keys);
  completeSteps(proposal, service.name, keys);
}

function numbersOfLost({ state }: Proposal): number[] {
  return Array.from(state.agents.by('state', 'UNREACHABLE'), ([agent]) => numberOf(state, agent as AgentId) ?? 0);
}

/** Somebody in it holds a place on a machine that can't be reached, or one on which nothing was launched yet. */
function needsCare(run: RunRow, lost: readonly number[]): boolean {
  if (
    run.idle > 0 &&
    someMember(run, 0, run.length - 1, (code, position) => code === LIVE && isIdleAt(run.status, position))
  )
    return true;
  return lost.some((number) => run.agents.includes(number));
}

function takeDownRuns(proposal: Proposal, service: ServiceRow, runs: readonly RunRow[]): void {
  const launches = new IdRunsBuilder();
  for (const run of runs) addLaunches(launches, run);
  orderKillsOf(proposal, service, launches.runs, service.uninstalling ? 'uninstalled' : 'scaled-down');
  const wishes = new Map<RequestId, { pod: string; ranges: Range[] }>();
  for (const run of runs) {
    const ranges = withoutPlace(run);
    if (run.request === null || ranges.length === 0) continue;
    const wish = wishes.get(run.request) ?? { pod: run.pod, ranges: [] };
    wish.ranges.push(...ranges);
    wishes.set(run.request, wish);
  }
  for (const [request, { pod, ranges }] of wishes) withdraw(proposal, service, request, pod, unionOf(ranges));
}

function addLaunches(launches: IdRunsBuilder, run: RunRow): void {
  for (const task in run.tasks) {
    const status = run.status[task]!;
    eachSegment(run.tasks[task]!.launches, 0, run.length, (position, count, seq, first) => {
      for (let offset = 0; offset < count; offset += 1) {
        const at = position + offset;
        if (memberAt(run, at) === LIVE && codeAt(status, at) !== NONE) launches.add(seq, first + offset);
      }
    });
  }
}

function withoutPlace(run: RunRow): Range[] {
  return stretchesOf(run, 0, run.length - 1, (code) => code === PLACING);
}

/** What can't be reached is left behind, and the plan goes on. */
function takeDownPods(proposal: Proposal, service: ServiceRow, rows: readonly PodRow[]): void {
  const reason = service.uninstalling ? 'uninstalled' : 'scaled-down';
  const living = rows.filter((row) => row.status === 'live' || row.status === 'waiting');
  orderKills(proposal, service, living, reason);
  const isLost = ({ seat }: PodRow) =>
    seat !== undefined && proposal.state.agents.get(seat.agent)?.state === 'UNREACHABLE';
  leaveBehind(
    proposal,
    service,
    rows.filter((row) => isLost(row) && launchesOf(row).length > 0),
  );
  const { name, generation } = service;
  for (const { pod, index } of rows.filter((row) => row.status === 'waiting')) {
    // Nothing to wait for: what it holds is let go of as soon as all launches are over.
    const held = podAt(proposal.state, name, pod, index)?.status === 'waiting';
    const indexes = [[index, index]] as const;
    if (held) proposal.emit({ type: 'RecoveryEnded', data: { service: name, generation, pod, indexes } });
  }
}
