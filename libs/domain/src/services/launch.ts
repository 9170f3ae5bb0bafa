import {
  IdRunsBuilder,
  idRunsOf,
  MembersBuilder,
  ordinalOf,
  podName,
  seqOf,
  templateDigestOf,
  type IdRuns,
  type LaunchId,
  type LaunchSet,
  type Member,
  type Peer,
  type Preemptor,
  type ServicesEventOf,
} from '@orrery/contracts';
import { assert } from '@orrery/kernel';
import { peersOf } from './peers.js';
import { tallyOf } from './tallies.js';
import type { Proposal } from './proposal.js';
import { asleep, isPaused } from './asleep.js';
import { isWaveOpen, type Recipe, type TaskRecipe } from './recipe.js';
import { launchesOf, type PlanRow, type PodRow, type Seat, type ServiceRow, type StopReason } from './state.js';

/** A pod that is to run, where it sits, and which of its tasks are to start. */
export interface Start {
  readonly row: PodRow;
  readonly seat: Seat;
  readonly recipe: Recipe;
  readonly tasks: readonly TaskRecipe[];
  /** A step of this plan runs the tasks, beside the pod's own. */
  readonly plan?: PlanRow;
  /** plan: what it tells them. */
  readonly env?: Readonly<Record<string, string>>;
}

type LaunchOrdered = ServicesEventOf<'LaunchOrdered'>['data'];

const SET_LENGTH = 480;
const MEMBER_LENGTH = 60;
const PORT_LENGTH = 8;
const GPU_LENGTH = 44;
const VOLUME_LENGTH = 110;

/** Whether the launches of all these pods fit into this decision. */
export function fitsDecision(proposal: Proposal, starts: readonly Start[]): boolean {
  return portionOf(proposal, starts).length === starts.length;
}

/** Orders as many as fit, one set a task; the rest follows with the next tick, which is due at once. */
export function orderLaunches(proposal: Proposal, service: ServiceRow, starts: readonly Start[]): void {
  if (starts.length === 0) return;
  const alike = new Map<string, { task: TaskRecipe; incarnation: number; starts: Start[] }>();
  for (const start of portionOf(proposal, starts)) {
    for (const task of start.tasks) {
      const incarnation = nextIncarnation(proposal, start, task);
      const key = `${kindOf(start, task)}/${incarnation}/${start.row.replaces ?? ''}/${isPaused(start.row, task.name)}`;
      const filed = alike.get(key);
      if (filed === undefined) alike.set(key, { task, incarnation, starts: [start] });
      else filed.starts.push(start);
    }
  }
  const told = new Map<Recipe, readonly Peer[]>();
  for (const { task, incarnation, starts: group } of alike.values()) {
    const { recipe, env, row } = group[0]!;
    const peers = told.get(recipe) ?? peersOf(proposal.state, service, recipe);
    told.set(recipe, peers);
    const replaces = row.replaces === undefined ? {} : { ORRERY_REPLACES_ADDRESS: row.replaces };
    const launched = taskWith(isPaused(row, task.name) ? asleep(task) : task, peers, { ...env, ...replaces });
    for (const set of setsOf(group)) proposal.emit(launchOrder(proposal, service, set, launched, incarnation));
  }
}

function kindOf({ row, plan, env }: Start, task: TaskRecipe): string {
  const told = env === undefined ? '' : JSON.stringify(env);
  return `${row.pod}/${task.name}/${plan === undefined ? row.recipe : plan.run}${told}`;
}

/** A task that is told more than the spec says. */
function taskWith(task: TaskRecipe, peers: readonly Peer[], env: Readonly<Record<string, string>> = {}): TaskRecipe {
  if (peers.length === 0 && Object.keys(env).length === 0) return task;
  const template = {
    ...task.template,
    env: { ...task.template.env, ...env },
    ...(peers.length === 0 ? {} : { peers }),
  };
  return { ...task, template, templateDigest: templateDigestOf(template) };
}

/** Divides pods into sets in which indexes ascend and those on one agent come one after the other. */
function setsOf(starts: readonly Start[]): Start[][] {
  const sets: { starts: Start[]; agents: Set<number>; last: number }[] = [];
  for (const start of [...starts].sort((left, right) => left.row.index - right.row.index)) {
    const { number } = start.seat;
    const set = sets.find(({ agents, last }) => last === number || !agents.has(number));
    if (set === undefined) sets.push({ starts: [start], agents: new Set([number]), last: number });
    else {
      set.starts.push(start);
      set.agents.add(number);
      set.last = number;
    }
  }
  return sets.map((set) => set.starts);
}

function launchOrder(
  proposal: Proposal,
  service: ServiceRow,
  starts: readonly Start[],
  task: TaskRecipe,
  incarnation: number,
): { type: 'LaunchOrdered'; data: LaunchOrdered } {
  const { row, plan } = starts[0]!;
  const members = new MembersBuilder();
  const grants = new IdRunsBuilder();
  for (const start of starts) {
    members.add(memberOf(start, task));
    grants.addId(start.seat.grant);
  }
  return {
    type: 'LaunchOrdered',
    data: {
      ...headOf(service, { pod: row.pod, recipe: plan?.version ?? row.recipe }, task, incarnation),
      ...members.members,
      launches: launchIds(proposal, starts.length),
      grants: grants.runs,
      template: task.template,
      ...(plan === undefined ? {} : { plan: plan.plan }),
    },
  };
}

/** So many new ids, one after the other. */
export function launchIds(proposal: Proposal, count: number): IdRuns {
  const first = proposal.context.nextIds(count);
  return [[proposal.context.seq, first, first + count - 1]];
}

export function headOf(
  { name, generation }: ServiceRow,
  { pod, recipe }: Pick<PodRow, 'pod' | 'recipe'>,
  { name: task, templateDigest }: TaskRecipe,
  incarnation: number,
): Omit<LaunchSet, 'launches' | 'grants' | 'indexes' | 'agents'> {
  return { service: name, generation, version: recipe, pod, task, templateDigest, incarnation };
}

/** The first of these pods whose launches fit into this decision; one always does while nothing else is in it. */
function portionOf(proposal: Proposal, starts: readonly Start[]): readonly Start[] {
  const sets = new Set<string>();
  let length = 0;
  for (const [at, start] of starts.entries()) {
    for (const task of start.tasks) {
      const key = kindOf(start, task);
      if (!sets.has(key)) length += task.templateLength + SET_LENGTH + peersLength(proposal, start);
      sets.add(key);
      length += MEMBER_LENGTH + PORT_LENGTH * task.ports.length + GPU_LENGTH * task.gpus;
      length += VOLUME_LENGTH * start.seat.volumes.length;
    }
    if (length > proposal.room && (at > 0 || proposal.events.length > 0)) return starts.slice(0, at);
  }
  return starts;
}

function peersLength({ state }: Proposal, { row, recipe, env: told }: Start): number {
  const env = told === undefined ? 0 : JSON.stringify(told).length;
  const peers = recipe.plain ? [] : peersOf(state, state.services.get(row.service)!, recipe);
  return env + (peers.length === 0 ? 0 : JSON.stringify(peers).length);
}

/** Orders every living launch of these pods to end. */
export function orderKills(
  proposal: Proposal,
  service: ServiceRow,
  pods: readonly PodRow[],
  reason: StopReason,
  by?: Preemptor,
): void {
  if (pods.length === 0) return;
  orderKillsOf(proposal, service, idRunsOf(inOrder(pods.flatMap(launchesOf))), reason, by);
}

export function orderKillsOf(
  proposal: Proposal,
  service: ServiceRow,
  launches: IdRuns,
  reason: StopReason,
  by?: Preemptor,
): void {
  if (launches.length === 0) return;
  const { name, generation } = service;
  const preemptor = by === undefined ? {} : { by };
  proposal.emit({ type: 'KillOrdered', data: { service: name, generation, launches, reason, ...preemptor } });
}

/** Which tasks of a pod may start: those that are not there, not done, and not waiting for their next try. */
export function tasksToStart(row: PodRow, recipe: Recipe, seat: Seat, at: number, anew: boolean): TaskRecipe[] {
  return recipe.tasks.filter((task) => {
    if (task.wave > 0 && !isWaveOpen(recipe, row.tasks, task.wave)) return false;
    const known = row.tasks[task.name];
    switch (known?.status) {
      case undefined:
      case 'dropped':
      case 'later':
        return true;
      case 'idle':
        return anew || (known.until ?? 0) <= at;
      case 'finished':
        // What ran to its end ran in another sandbox, and a ONCE task prepared a volume that stayed behind.
        return task.goal === 'ONCE' ? !seat.used && seat.volumes.length > 0 : anew || !seat.used;
      default:
        return false;
    }
  });
}

function nextIncarnation(proposal: Proposal, { row }: Start, task: TaskRecipe): number {
  const before = row.tasks[task.name]?.incarnation ?? tallyOf(proposal.state, row.service, row.pod).incarnation;
  return before + 1;
}

function memberOf({ row, seat, recipe }: Start, task: TaskRecipe): Member {
  const ports = task.ports.map((name) => {
    const port = seat.ports[`${task.name}.${name}`];
    assert(port !== undefined, 'a grant lacks a port', { grant: seat.grant, pod: podName(row.pod, row.index), name });
    return [name, port] as const;
  });
  return {
    index: row.index,
    agent: seat.number,
    epoch: seat.epoch,
    ports: Object.fromEntries(ports),
    gpuIds: gpusFor(recipe, task, seat.gpuIds),
    volumes: seat.volumes,
  };
}

/** Tasks take their devices in the order of their names. */
function gpusFor(recipe: Recipe, task: TaskRecipe, gpuIds: readonly string[]): readonly string[] {
  let first = 0;
  for (const other of recipe.tasks) {
    if (other.name === task.name) break;
    first += other.gpus;
  }
  return [...gpuIds].sort().slice(first, first + task.gpus);
}

/** Ids that follow each other stand side by side, so that a set of them is short. */
function inOrder(ids: readonly LaunchId[]): LaunchId[] {
  return [...ids].sort((left, right) => seqOf(left) - seqOf(right) || ordinalOf(left) - ordinalOf(right));
}
