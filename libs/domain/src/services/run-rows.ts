import type { Ranges } from '@orrery/contracts';
import { agentNamed } from './agents.js';
import { CodesDraft } from './codes.js';
import {
  cutRun,
  firstPodOf,
  GONE,
  isIdleAt,
  isPod,
  levelAt,
  LIVE,
  memberAt,
  NONE,
  PLACING,
  podOfRun,
  READY,
  RUN_LENGTH_MAX,
  RUN_LENGTH_MIN,
  RUNNING,
  type RunRow,
  someMember,
} from './runs.js';
import { bucketOf, findId } from './segments.js';
import { planKey, podKey, type PodRow, type ServicesRows } from './state.js';
import { isOpen, phaseOfStep } from './steps.js';
import { putPlan } from './plan-rows.js';
import { fileRow } from './tallies.js';

/** A run, and two positions of it, both included. */
export interface Span {
  readonly key: string;
  readonly run: RunRow;
  readonly from: number;
  readonly to: number;
}

/** Ids of members of a run that follow each other: `count` of them from `seq.first` on, of the members from `position` on. */
export interface Stretch {
  readonly key: string;
  readonly run: RunRow;
  /** Of launches; empty: of grants. */
  readonly task: string;
  readonly position: number;
  readonly count: number;
  readonly seq: number;
  readonly first: number;
}

// --- Finding --------------------------------------------------------------------------------------------------------

/** The run that goes over this index, whether or not it has a member there. */
export function runAt(rows: ServicesRows, service: string, pod: string, index: number): Span | undefined {
  for (const [key, run] of rows.runs.entries(podKey(service, pod, index - (index % RUN_LENGTH_MAX)))) {
    if (run.first > index || run.service !== service || run.pod !== pod) return undefined;
    const position = index - run.first;
    if (position < run.length) return { key, run, from: position, to: position };
  }
  return undefined;
}

/** The runs of a pod type that these indexes touch, each with the positions that they cover. */
export function spansIn(rows: ServicesRows, service: string, pod: string, ranges: Ranges): Span[] {
  const spans: Span[] = [];
  for (const [first, last] of ranges) {
    for (const [key, run] of rows.runs.entries(podKey(service, pod, first - (first % RUN_LENGTH_MAX)))) {
      if (run.first > last || run.service !== service || run.pod !== pod) break;
      const from = Math.max(0, first - run.first);
      const to = Math.min(run.length - 1, last - run.first);
      if (from <= to) spans.push({ key, run, from, to });
    }
  }
  return spans;
}

/** Runs of a service, of one pod type where it is named, in the order of their keys. */
export function* runsOf(rows: ServicesRows, service: string, pod?: string): IterableIterator<[string, RunRow]> {
  const prefix = pod === undefined ? `${service}/` : `${service}/${pod}/`;
  for (const entry of rows.runs.entries(prefix)) {
    if (!entry[0].startsWith(prefix)) return;
    yield entry;
  }
}

/** The stretch that has this launch. */
export function stretchOfLaunch(rows: ServicesRows, seq: number, ordinal: number): Stretch | undefined {
  for (const [key, run] of rows.runs.by('launch', bucketOf(seq, ordinal))) {
    for (const task in run.tasks) {
      const found = stretchIn(key, run, task, seq, ordinal);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

export function stretchOfGrant(rows: ServicesRows, seq: number, ordinal: number): Stretch | undefined {
  for (const [key, run] of rows.runs.by('grant', bucketOf(seq, ordinal))) {
    const found = stretchIn(key, run, '', seq, ordinal);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Of launches of this task; without one, of grants. */
export function stretchIn(key: string, run: RunRow, task: string, seq: number, ordinal: number): Stretch | undefined {
  const found = findId(task === '' ? run.grants : run.tasks[task]!.launches, seq, ordinal);
  return found === undefined ? undefined : { key, run, task, seq, ...found };
}

/** Where the id stands in the run. */
export function positionIn({ position, first }: Stretch, ordinal: number): number {
  return position + ordinal - first;
}

export function memberOf(rows: ServicesRows, run: RunRow, position: number): PodRow | undefined {
  return podOfRun(run, position, (number) => agentNamed(rows, number));
}

/** Members of a run as rows, in the order of their indexes. */
export function membersOf(rows: ServicesRows, run: RunRow, from = 0, to = run.length - 1): PodRow[] {
  const members: PodRow[] = [];
  for (let position = from; position <= to; position += 1) {
    const row = memberOf(rows, run, position);
    if (row !== undefined) members.push(row);
  }
  return members;
}

// --- Changing -------------------------------------------------------------------------------------------------------

/**
 * Writes a run. When all its pods are up their steps are complete: that is counted here and told by no event, for an event
 * would say nothing that the observation of their tasks has not said.
 */
export function putRun(rows: ServicesRows, key: string, run: RunRow): void {
  if (run.pods === 0 && run.returned === 0) return rows.runs.delete(key);
  const done = run.step !== null && run.pods > 0 && run.up === run.pods && countSteps(rows, run, run.step, run.pods);
  rows.runs.put(key, done ? { ...run, step: null } : run);
}

/** Steps of these pods that are complete; false when no plan asks for them any more. */
export function countSteps(rows: ServicesRows, run: RunRow, step: string, count: number): boolean {
  const { service, pod } = run;
  const name = rows.services.get(service)?.plan;
  const plan = name === undefined ? undefined : rows.plans.get(planKey(service, name));
  if (plan === undefined || !isOpen(plan) || plan.run !== step) return false;
  const phase = phaseOfStep(plan, pod, firstPodOf(run));
  if (phase === undefined || phase.action === 'decommission' || phase.done >= phase.total) return false;
  const done = Math.min(phase.total, phase.done + count);
  const phases = plan.phases.map((other) => (other === phase ? { ...phase, done } : other));
  putPlan(rows, { ...plan, phases });
  return true;
}

/** Makes a member that diverges from its run a row of its own; a run that loses more than a quarter is broken up. */
export function breakOut(rows: ServicesRows, service: string, pod: string, index: number): void {
  const span = runAt(rows, service, pod, index);
  if (span === undefined) return;
  const row = memberOf(rows, span.run, span.from);
  if (row === undefined) return;
  breakOutAll(rows, span.key, span.run, [row]);
}

/** Makes these members rows. */
export function breakOutAll(rows: ServicesRows, key: string, run: RunRow, gone: readonly PodRow[]): void {
  const holes = run.length - run.pods - run.returned + gone.length;
  const all = holes * 4 > run.length ? membersOf(rows, run) : gone;
  if (all.length === 0) return;
  const members = new CodesDraft(run.members);
  let up = 0;
  for (const row of all) {
    members.set(row.index - run.first, GONE);
    if (run.step !== null && row.step === undefined) up += 1;
    fileRow(rows, row);
  }
  if (up > 0) countSteps(rows, run, run.step!, up);
  putRun(rows, key, { ...run, members: members.codes, ...countsWithout(run, all) });
}

/**
 * The run of just the members in a span: cut out of the one it was part of where they are many, broken out as rows where they
 * are few and there are others. Nothing when they are no run any more.
 */
export function isolate(rows: ServicesRows, span: Span): { key: string; run: RunRow } | undefined {
  // Another span of the same run may have cut it.
  const { service, pod, first } = span.run;
  const found = runAt(rows, service, pod, first + span.from);
  if (found === undefined) return undefined;
  const { key, run, from } = found;
  const to = from + span.to - span.from;
  if (!someMember(run, from, to, isPod)) return undefined;
  const others = someMember(run, 0, from - 1, isPod) || someMember(run, to + 1, run.length - 1, isPod);
  if (!others) return { key, run };
  if (to - from + 1 < RUN_LENGTH_MIN) {
    breakOutAll(rows, key, run, membersOf(rows, run, from, to));
    return undefined;
  }
  rows.runs.delete(key);
  let own: { key: string; run: RunRow } | undefined;
  for (const [begin, end] of [
    [0, from],
    [from, to + 1],
    [to + 1, run.length],
  ] as const) {
    if (begin === end) continue;
    const part = cutRun(run, begin, end);
    if (part.pods === 0 && part.returned === 0) continue;
    const partKey = podKey(run.service, run.pod, part.first);
    rows.runs.put(partKey, part);
    if (begin === from) own = { key: partKey, run: part };
  }
  return own;
}

function countsWithout(run: RunRow, gone: readonly PodRow[]): Pick<RunRow, 'pods' | 'running' | 'up' | 'idle'> {
  let { pods, running, up, idle } = run;
  for (const { index } of gone) {
    const position = index - run.first;
    const code = memberAt(run, position);
    const level = code === LIVE ? levelAt(run.status, position) : NONE;
    pods -= 1;
    if (level >= RUNNING) running -= 1;
    if (level === READY) up -= 1;
    if (code !== PLACING && isIdleAt(run.status, position)) idle -= 1;
  }
  return { pods, running, up, idle };
}
