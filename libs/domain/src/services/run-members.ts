import { eachIdRun, idOf, type GrantId, type IdRuns, type LaunchId, type ServicesEventOf } from '@orrery/contracts';
import { CodesDraft } from './codes.js';
import { dropMembers, releaseSlots } from './pods.js';
import {
  isolate,
  membersOf,
  breakOutAll,
  putRun,
  runAt,
  positionIn,
  spansIn,
  stretchIn,
  stretchOfGrant,
  stretchOfLaunch,
  type Stretch,
} from './run-rows.js';
import { putPlan } from './plan-rows.js';
import { RunDraft } from './run-draft.js';
import {
  counted,
  firstPodOf,
  GONE,
  isIdleAt,
  LIVE,
  memberAt,
  PLACING,
  RETURNED,
  type RunRow,
  someMember,
  STOPPING,
} from './runs.js';
import { planKey, type PhaseRow, type ServicesRows } from './state.js';
import { isOpen, phaseOfStep } from './steps.js';
import { rememberIncarnation } from './tallies.js';

type DataOf<Type extends 'PlacementRequested' | 'PlacementWithdrawn' | 'TasksObserved' | 'KillOrdered'> =
  ServicesEventOf<Type>['data'];

// --- Wishes ---------------------------------------------------------------------------------------------------------

/** Members that ask for a place together. Who can't ask with the others is made a row. */
export function askForRuns(rows: ServicesRows, data: DataOf<'PlacementRequested'>): void {
  const { request, attempt } = data;
  const plain = data.avoid.length === 0 && data.replaces.length === 0;
  for (const span of spansIn(rows, data.service, data.pod, data.indexes)) {
    const own = isolate(rows, span);
    if (own === undefined) continue;
    const { key, run } = own;
    const asks =
      plain && run.request === null && !someMember(run, 0, run.length - 1, (code) => code !== PLACING && code !== GONE);
    if (asks) putRun(rows, key, { ...run, request, attempt });
    else breakOutAll(rows, key, run, membersOf(rows, run));
  }
}

export function withdrawRuns(rows: ServicesRows, data: DataOf<'PlacementWithdrawn'>): void {
  for (const span of spansIn(rows, data.service, data.pod, data.indexes)) {
    const found = runAt(rows, data.service, data.pod, span.run.first + span.from);
    if (found === undefined || found.run.request !== data.request) continue;
    const [from, to] = [found.from, found.from + span.to - span.from];
    const others =
      someMember(found.run, 0, from - 1, (code) => code === PLACING) ||
      someMember(found.run, to + 1, found.run.length - 1, (code) => code === PLACING);
    const own = others ? isolate(rows, { ...found, from, to }) : found;
    if (own !== undefined) putRun(rows, own.key, { ...own.run, request: null });
  }
}

// --- Facts about launches -------------------------------------------------------------------------------------------

export interface IdVisitor<Id> {
  /** So many ids of the stretch, of the members from this position on. */
  known(stretch: Stretch, position: number, count: number): void;
  /** An id that no run knows. */
  unknown(id: Id): void;
}

/** Calls for ids in their order, those together that stand together in a run. The visitor changes nothing meanwhile. */
export function walkIds<Id extends LaunchId | GrantId>(
  rows: ServicesRows,
  of: 'launch' | 'grant',
  ids: IdRuns,
  visitor: IdVisitor<Id>,
): void {
  const stretchOf = of === 'launch' ? stretchOfLaunch : stretchOfGrant;
  let stretch: Stretch | undefined;
  eachIdRun(ids, (seq, first, end) => {
    for (let ordinal = first; ordinal <= end;) {
      if (stretch === undefined || !has(stretch, seq, ordinal)) {
        // Ids of one run mostly follow each other.
        const near =
          stretch === undefined ? undefined : stretchIn(stretch.key, stretch.run, stretch.task, seq, ordinal);
        stretch = near ?? stretchOf(rows, seq, ordinal);
      }
      if (stretch === undefined) {
        visitor.unknown(idOf<Id>(seq, ordinal));
        ordinal += 1;
        continue;
      }
      const count = Math.min(stretch.first + stretch.count, end + 1) - ordinal;
      visitor.known(stretch, positionIn(stretch, ordinal), count);
      ordinal += count;
    }
  });
}

function has(stretch: Stretch, seq: number, ordinal: number): boolean {
  const offset = ordinal - stretch.first;
  return stretch.seq === seq && offset >= 0 && offset < stretch.count;
}

function idIn<Id extends LaunchId | GrantId>({ seq, first, position }: Stretch, at: number): Id {
  return idOf<Id>(seq, first + at - position);
}

/** Remembers what was seen of launches of members; gives those that are of rows, or let a member diverge. */
export function observeMembers(rows: ServicesRows, { launches, state }: DataOf<'TasksObserved'>): LaunchId[] {
  const rest: LaunchId[] = [];
  const drafts = new Map<string, RunDraft>();
  let last: { readonly key: string; readonly draft: RunDraft } | undefined;
  const told = (stretch: Stretch, from: number, count: number) => {
    const { key, run, task } = stretch;
    if (last?.key !== key) {
      const draft = drafts.get(key) ?? new RunDraft(run);
      drafts.set(key, draft);
      last = { key, draft };
    }
    for (let position = from; position < from + count; position += 1) {
      if (!last.draft.observe(task, position, state)) rest.push(idIn<LaunchId>(stretch, position));
    }
  };
  walkIds<LaunchId>(rows, 'launch', launches, { known: told, unknown: (id) => rest.push(id) });
  for (const [key, draft] of drafts) if (draft.isChanged) putRun(rows, key, draft.made());
  return rest;
}

/** Members that are ended because they are not wanted any more stop together; others, and rows, are given back. */
export function stopMembers(rows: ServicesRows, { launches, reason }: DataOf<'KillOrdered'>): LaunchId[] {
  const rest: LaunchId[] = [];
  const stops = new Map<string, { run: RunRow; members: CodesDraft }>();
  const together = reason === 'scaled-down' || reason === 'uninstalled';
  const told = (stretch: Stretch, from: number, count: number) => {
    const { key, run } = stretch;
    const fits = together && (run.stopReason === null || run.stopReason === reason);
    for (let position = from; position < from + count; position += 1) {
      const code = memberAt(run, position);
      if (code === RETURNED) continue;
      if (code === GONE || !fits) rest.push(idIn<LaunchId>(stretch, position));
      else if (code === LIVE) {
        const stop = stops.get(key) ?? { run, members: new CodesDraft(run.members) };
        stop.members.set(position, STOPPING);
        stops.set(key, stop);
      }
    }
  };
  walkIds<LaunchId>(rows, 'launch', launches, { known: told, unknown: (id) => rest.push(id) });
  for (const [key, { run, members }] of stops)
    putRun(rows, key, counted({ ...run, members: members.codes, stopReason: reason }));
  return rest;
}

// --- Grants ---------------------------------------------------------------------------------------------------------

interface Returned {
  /** Of those that are no members, or that go on. */
  readonly rest: readonly GrantId[];
  /** Numbers of the agents that the others were on. */
  readonly agents: ReadonlySet<number>;
}

/**
 * Members whose plan takes them down are gone with their grant, and their steps complete; while a service is uninstalled
 * their grants are remembered until they are released. Gives the grants of all others.
 */
export function returnMembers(rows: ServicesRows, grants: IdRuns): Returned {
  const rest: GrantId[] = [];
  const agents = new Set<number>();
  const gone = new Map<string, { run: RunRow; positions: number[] }>();
  const told = (stretch: Stretch, from: number, count: number) => {
    const { key, run } = stretch;
    const ends = takesDown(rows, run);
    for (let position = from; position < from + count; position += 1) {
      const over = memberAt(run, position) === STOPPING && isIdleAt(run.status, position);
      if (memberAt(run, position) === RETURNED) continue;
      if (!ends || !over) {
        rest.push(idIn<GrantId>(stretch, position));
        continue;
      }
      const filed = gone.get(key) ?? { run, positions: [] };
      filed.positions.push(position);
      agents.add(run.agents[position]!);
      gone.set(key, filed);
    }
  };
  walkIds<GrantId>(rows, 'grant', grants, { known: told, unknown: (id) => rest.push(id) });
  for (const [key, { run, positions }] of gone) {
    const phase = countTakenDown(rows, run, positions.length);
    for (const name in run.tasks) rememberIncarnation(rows, run.service, run.pod, run.tasks[name]!.incarnation);
    const uninstalling = rows.services.get(run.service)!.uninstalling;
    dropMembers(rows, key, run, positions, uninstalling ? RETURNED : GONE);
    releaseSlots(rows, run.service, phase);
  }
  return { rest, agents };
}

/** The allocator has released grants that an uninstall waits for; gives those that no run knows. */
export function releaseMembers(rows: ServicesRows, grants: IdRuns): GrantId[] {
  const rest: GrantId[] = [];
  const gone = new Map<string, { run: RunRow; positions: number[] }>();
  const told = (stretch: Stretch, from: number, count: number) => {
    const { key, run } = stretch;
    for (let position = from; position < from + count; position += 1) {
      if (memberAt(run, position) !== RETURNED) {
        rest.push(idIn<GrantId>(stretch, position));
        continue;
      }
      const filed = gone.get(key) ?? { run, positions: [] };
      filed.positions.push(position);
      gone.set(key, filed);
    }
  };
  walkIds<GrantId>(rows, 'grant', grants, { known: told, unknown: (id) => rest.push(id) });
  for (const [key, { run, positions }] of gone) dropMembers(rows, key, run, positions);
  return rest;
}

function phaseTakingDown(rows: ServicesRows, run: RunRow) {
  const { service, pod, step } = run;
  const name = rows.services.get(service)?.plan;
  const plan = name === undefined ? undefined : rows.plans.get(planKey(service, name));
  if (plan === undefined || !isOpen(plan) || plan.run !== step) return undefined;
  const phase = phaseOfStep(plan, pod, firstPodOf(run));
  return phase?.action === 'decommission' && phase.done < phase.total ? { plan, phase } : undefined;
}

function takesDown(rows: ServicesRows, run: RunRow): boolean {
  return phaseTakingDown(rows, run) !== undefined;
}

function countTakenDown(rows: ServicesRows, run: RunRow, count: number): PhaseRow {
  const { plan, phase } = phaseTakingDown(rows, run)!;
  const done = Math.min(phase.total, phase.done + count);
  const phases = plan.phases.map((other) => (other === phase ? { ...phase, done } : other));
  putPlan(rows, { ...plan, phases });
  return phase;
}
