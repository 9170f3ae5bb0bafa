import type { AgentId, LaunchId } from '@orrery/contracts';
import { launchOf, type LaunchRow } from '@orrery/domain';
import type { Answer, MeasuredLaunch } from '../query.js';
import type { Cell, World } from '../world.js';
import { findTask, rowsOf, taskJson, unknownTask, type TaskFilter } from './tasks.js';

/** So many tasks are looked at of one service or agent. */
const TASKS_MAX = 10_000;

/** Tasks with what they asked for, to be held against what they use: named launches, one task, or those of a filter. */
export function measuredTasks(
  world: World,
  asked: { readonly launches?: readonly MeasuredLaunch[]; readonly id?: string; readonly filter?: TaskFilter },
): Answer {
  if (asked.id !== undefined) {
    const found = findTask(world, asked.id);
    if (found === undefined) throw unknownTask(asked.id);
    return { value: [measuredJson(found.cell, found.row)] };
  }
  if (asked.filter !== undefined) {
    const rows = rowsOf(world, asked.filter, TASKS_MAX);
    return { value: rows.map(({ cell, row }) => measuredJson(cell, row)) };
  }
  return { value: (asked.launches ?? []).flatMap(({ agent, launch }) => named(world, agent, launch)) };
}

function named({ cells }: World, agent: AgentId, launch: LaunchId): object[] {
  for (const cell of cells) {
    const row = cell.cluster.agents.has(agent) ? launchOf(cell.cluster, launch) : undefined;
    // Launches of two cells may have one id.
    if (row?.agent === agent) return [measuredJson(cell, row)];
  }
  return [];
}

function measuredJson(cell: Cell, row: LaunchRow): object {
  const template = cell.cluster.templates.get(row.templateDigest)?.template;
  const asked = template && { cpus: template.cpusMilli / 1000, memory: template.memoryMib, disk: template.diskMib };
  return { ...taskJson(cell, row), ...(asked && { asked }) };
}
