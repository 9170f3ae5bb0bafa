import { commandTopic, type DomainName } from '@orrery/contracts';
import type { ShardFold } from '@orrery/control-loop';
import {
  allocation,
  cluster,
  services,
  type AllocationState,
  type ClusterState,
  type ServicesState,
} from '@orrery/domain';
import type { DomainEvent } from '@orrery/kernel';
import { journalName, type Position } from '../position.js';
import { TaskStates } from './task-states.js';

/** The folded state of one cell: of its three journals. */
export interface Cell {
  readonly cell: number;
  readonly cluster: ClusterState;
  readonly allocation: AllocationState;
  readonly services: ServicesState;
  readonly taskStates: TaskStates;
  /** Lets the allocation state try events; all of them are rolled back before this returns. */
  speculate<Value>(run: (evolve: (event: DomainEvent) => void) => Value): Value;
}

/** The state of everything at one moment: what questions are answered from. */
export interface World {
  readonly cells: readonly Cell[];
  readonly position: Position;
  /** Time of the newest commit in it, or the moment that was asked for. */
  readonly atMs: number;
}

/** Of each folded state of a cluster, from its first row on. */
const taskStates = new WeakMap<ClusterState, TaskStates>();

/** How the journals are folded here: by the domains' own rules, and where tasks are by their states is kept beside them. */
export const foldings = {
  cluster: {
    ...cluster,
    initialState(): ClusterState {
      const state = cluster.initialState();
      taskStates.set(state, new TaskStates(state));
      return state;
    },
  },
  allocation,
  services,
} as const;

export interface FoldedJournal {
  readonly domain: DomainName;
  readonly cell: number;
  readonly fold: ShardFold<object, DomainEvent>;
  readonly seq: number;
  readonly atMs: number;
}

export function worldOf(journals: readonly FoldedJournal[], atMs?: number): World {
  const cells = [...new Set(journals.map(({ cell }) => cell))].sort((left, right) => left - right);
  const foldOf = (domain: DomainName, cell: number) =>
    journals.find((journal) => journal.domain === domain && journal.cell === cell)!.fold;
  return {
    cells: cells.map((cell) => ({
      cell,
      cluster: foldOf('cluster', cell).domain as ClusterState,
      taskStates: taskStates.get(foldOf('cluster', cell).domain as ClusterState)!,
      allocation: foldOf('allocation', cell).domain as AllocationState,
      services: foldOf('services', cell).domain as ServicesState,
      speculate: (run) => speculateOn(foldOf('allocation', cell), run),
    })),
    position: positionOf(journals),
    atMs: atMs ?? Math.max(0, ...journals.map((journal) => journal.atMs)),
  };
}

export function positionOf(journals: readonly FoldedJournal[]): Position {
  return {
    journals: new Map(journals.map(({ domain, cell, seq }) => [journalName(domain, cell), seq])),
    commands: new Map(
      journals.map(({ domain, cell, fold }) => [
        journalName(domain, cell),
        fold.loop.inputPosition(commandTopic(domain), cell) - 1,
      ]),
    ),
  };
}

function speculateOn<Value>(
  fold: ShardFold<object, DomainEvent>,
  run: (evolve: (event: DomainEvent) => void) => Value,
): Value {
  fold.speculate(true);
  try {
    return run((event) => allocation.evolve(fold.domain as AllocationState, event as never));
  } finally {
    fold.rollBack();
    fold.speculate(false);
  }
}
