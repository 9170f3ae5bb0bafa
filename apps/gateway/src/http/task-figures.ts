import { Injectable } from '@nestjs/common';
import type { AgentId, LaunchId, TaskFigures } from '@orrery/contracts';
import type { FastifyRequest } from 'fastify';
import { FigureStore } from '../figures/figure-store.js';
import type { Query } from '../read-model/query.js';
import { Reads } from './reads.js';

/** What the read model tells of a task that was measured. */
interface Measured {
  readonly id: string;
  readonly agent: AgentId;
  readonly launch: LaunchId;
  readonly state: string;
  readonly asked?: { readonly cpus: number; readonly memory: number; readonly disk: number };
}

export const sortings = { cpu: 'cpusMilli', memory: 'memoryMib' } as const;
export type Sorting = keyof typeof sortings;

export interface Wanted {
  readonly service?: string | undefined;
  readonly agent?: string | undefined;
  readonly sort: Sorting;
  readonly limit: number;
}

/** What tasks and machines use, beside what the read model knows of them. */
@Injectable()
export class TaskFiguresReads {
  constructor(
    private readonly reads: Reads,
    private readonly store: FigureStore,
  ) {}

  /** The tasks that use most, of all, of a service or of an agent. A task without figures comes last. */
  async list(request: FastifyRequest, { service, agent, sort, limit }: Wanted): Promise<object[]> {
    const isFiltered = service !== undefined || agent !== undefined;
    const query: Query = isFiltered
      ? { ask: 'measured-tasks', filter: { ...(service && { service }), ...(agent && { agent }) } }
      : { ask: 'measured-tasks', launches: this.store.most(sortings[sort], limit) };
    const tasks = (await this.reads.value(request, query, undefined)) as Measured[];
    return tasks
      .map((task) => ({ task, last: this.store.of(task.agent, task.launch) }))
      .filter(({ task, last }) => last !== undefined || isLiving(task))
      .sort((left, right) => figure(right.last?.figures, sort) - figure(left.last?.figures, sort))
      .slice(0, limit)
      .map(({ task }) => this.#json(task));
  }

  /** The last figures of a task with a short series. */
  async show(request: FastifyRequest, id: string): Promise<object> {
    const [task] = (await this.reads.value(request, { ask: 'measured-tasks', id }, undefined)) as [Measured];
    const series = this.store.seriesOf(task.agent, task.launch);
    return {
      ...this.#json(task),
      series: series.map(({ atMs, figures }) => ({ at: new Date(atMs).toISOString(), ...figuresJson(figures) })),
    };
  }

  /** An agent as the read model tells of it, with what of its machine is used. */
  withMachine(agent: { readonly id: AgentId }): object {
    const host = this.store.hostOf(agent.id);
    if (host === undefined) return agent;
    const { cpusMilli, cores, memoryUsedMib, memoryMib, diskUsedMib, diskMib, load, atMs } = host;
    const machine = {
      at: new Date(atMs).toISOString(),
      cpus: { used: cpusMilli / 1000, of: cores },
      memory: { used: memoryUsedMib, of: memoryMib },
      disk: { used: diskUsedMib, of: diskMib },
      load,
    };
    return { ...agent, machine };
  }

  #json(task: Measured): object {
    const last = this.store.of(task.agent, task.launch);
    if (last === undefined) return task;
    return { ...task, usage: { at: new Date(last.atMs).toISOString(), ...figuresJson(last.figures) } };
  }
}

/** A figure that can't be had on the machine of the task is left out. */
function figuresJson({ cpusMilli, memoryMib, diskMib, receivedPerS, sentPerS }: TaskFigures): object {
  return {
    ...(cpusMilli >= 0 && { cpus: cpusMilli / 1000 }),
    ...(memoryMib >= 0 && { memory: memoryMib }),
    ...(diskMib >= 0 && { disk: diskMib }),
    ...(receivedPerS >= 0 && { network: { receivedPerSecond: receivedPerS, sentPerSecond: Math.max(0, sentPerS) } }),
  };
}

function figure(figures: TaskFigures | undefined, sort: Sorting): number {
  return figures?.[sortings[sort]] ?? -Infinity;
}

function isLiving({ state }: Measured): boolean {
  return state === 'RUNNING' || state === 'KILLING';
}
