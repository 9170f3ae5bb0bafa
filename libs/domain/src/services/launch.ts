import { podName, type AgentId, type Launch, type LaunchId, type LaunchSet } from '@orrery/contracts';
import { assert } from '@orrery/kernel';
import { tallyOf } from './pods.js';
import type { Proposal } from './proposal.js';
import type { Recipe, TaskRecipe } from './recipe.js';
import { launchesOf, type PodRow, type Seat, type ServiceRow, type StopReason } from './state.js';

/** A pod that is to run, where it sits, and which of its tasks are to start. */
export interface Start {
  readonly row: PodRow;
  readonly seat: Seat;
  readonly recipe: Recipe;
  readonly tasks: readonly TaskRecipe[];
}

const SET_LENGTH = 580;
const LAUNCH_LENGTH = 115;
const PORT_LENGTH = 16;
const GPU_LENGTH = 44;
const VOLUME_LENGTH = 110;

/** Whether the launches of all these pods fit into this decision. */
export function fitsDecision(proposal: Proposal, starts: readonly Start[]): boolean {
  return portionOf(proposal, starts).length === starts.length;
}

/** Orders as many as fit, one set a task and agent; the rest follows with the next tick, which is due at once. */
export function orderLaunches(proposal: Proposal, service: ServiceRow, starts: readonly Start[]): void {
  const sets = new Map<string, { set: Omit<LaunchSet, 'launches'>; task: TaskRecipe; launches: Launch[] }>();
  for (const start of portionOf(proposal, starts)) {
    for (const task of start.tasks) {
      const key = setKey(start, task);
      const filed = sets.get(key) ?? { set: headOf(service, start, task), task, launches: [] };
      filed.launches.push(launchOf(proposal, start, task));
      sets.set(key, filed);
    }
  }
  for (const { set, task, launches } of sets.values()) {
    proposal.emit({ type: 'LaunchOrdered', data: { ...set, launches, template: task.template } });
  }
}

function setKey({ row, seat }: Start, task: TaskRecipe): string {
  return `${row.pod}/${task.name}/${seat.agent}/${seat.epoch}/${row.recipe}`;
}

/** The first of these pods whose launches fit into this decision; one always does while nothing else is in it. */
function portionOf(proposal: Proposal, starts: readonly Start[]): readonly Start[] {
  const sets = new Set<string>();
  let length = 0;
  for (const [at, start] of starts.entries()) {
    for (const task of start.tasks) {
      const key = setKey(start, task);
      if (!sets.has(key)) length += task.templateLength + SET_LENGTH;
      sets.add(key);
      length += LAUNCH_LENGTH + PORT_LENGTH * task.ports.length + GPU_LENGTH * task.gpus;
      length += VOLUME_LENGTH * start.seat.volumes.length;
    }
    if (length > proposal.room && (at > 0 || proposal.events.length > 0)) return starts.slice(0, at);
  }
  return starts;
}

/** Orders every living launch of these pods to end. */
export function orderKills(proposal: Proposal, service: ServiceRow, pods: readonly PodRow[], reason: StopReason): void {
  const byAgent = new Map<AgentId, LaunchId[]>();
  for (const row of pods) {
    if (row.seat === undefined) continue;
    const launches = byAgent.get(row.seat.agent) ?? [];
    launches.push(...launchesOf(row));
    byAgent.set(row.seat.agent, launches);
  }
  const { name, generation } = service;
  for (const [agent, launches] of byAgent) {
    if (launches.length === 0) continue;
    proposal.emit({ type: 'KillOrdered', data: { service: name, generation, agent, launches, reason } });
  }
}

/** Which tasks of a pod may start: those that are not there, not done, and not waiting for their next try. */
export function tasksToStart(row: PodRow, recipe: Recipe, seat: Seat, at: number, anew: boolean): TaskRecipe[] {
  return recipe.tasks.filter((task) => {
    const known = row.tasks[task.name];
    switch (known?.status) {
      case undefined:
      case 'dropped':
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

function headOf(service: ServiceRow, { row, seat }: Start, task: TaskRecipe): Omit<LaunchSet, 'launches'> {
  return {
    service: service.name,
    generation: service.generation,
    version: row.recipe,
    pod: row.pod,
    task: task.name,
    templateDigest: task.templateDigest,
    agent: seat.agent,
    epoch: seat.epoch,
  };
}

function launchOf(proposal: Proposal, { row, seat, recipe }: Start, task: TaskRecipe): Launch {
  const before = row.tasks[task.name]?.incarnation ?? tallyOf(proposal.state, row.service, row.pod).incarnation;
  const ports = task.ports.map((name) => {
    const port = seat.ports[`${task.name}.${name}`];
    assert(port !== undefined, 'a grant lacks a port', { grant: seat.grant, pod: podName(row.pod, row.index), name });
    return [name, port] as const;
  });
  return {
    launch: proposal.context.nextId() as LaunchId,
    grant: seat.grant,
    index: row.index,
    incarnation: before + 1,
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
