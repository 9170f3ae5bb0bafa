import {
  figureColumns,
  FIGURES_PER_MESSAGE_MAX,
  IdRunsBuilder,
  noFigures,
  type AgentMetrics,
  type HostFigures,
  type TaskFigures,
} from '@orrery/contracts';
import { draw } from './chance.js';
import type { SimulatedAgent } from './simulated-agent.js';
import { taskState, type TaskTable } from './task-table.js';

const CPUS_MILLI_MAX = 900;
const MEMORY_MIB_MAX = 512;
const purpose = { cpu: 41, memory: 42, now: 43 } as const;

/**
 * What an agent would have measured: each task has a size of its own and moves around it, all from the seed. Every message
 * is whole, since an agent of a fleet of thousands keeps nothing of what it told; whose the tasks are it does not know.
 */
export function simulatedFigures(
  { id, session, index, facts }: SimulatedAgent,
  tasks: TaskTable,
  { seed, round, atMs }: { readonly seed: number; readonly round: number; readonly atMs: number },
): AgentMetrics {
  const running = Array.from(tasks.of(index)).filter((task) => tasks.state[task] === taskState.running);
  running.sort((left, right) => tasks.seq[left]! - tasks.seq[right]! || tasks.ordinal[left]! - tasks.ordinal[right]!);
  const told = running.slice(0, FIGURES_PER_MESSAGE_MAX);
  const launches = new IdRunsBuilder();
  const rows = told.map((task): TaskFigures => {
    const [seq, ordinal] = [tasks.seq[task]!, tasks.ordinal[task]!];
    launches.add(seq, ordinal);
    const share = 0.8 + 0.4 * draw(seed + round, seq, ordinal, purpose.now);
    return {
      ...noFigures,
      cpusMilli: Math.round(share * draw(seed, seq, ordinal, purpose.cpu) * CPUS_MILLI_MAX),
      memoryMib: 1 + Math.round(share * draw(seed, seq, ordinal, purpose.memory) * MEMORY_MIB_MAX),
    };
  });
  return {
    ...{ agent: id, session, round, at: atMs, whole: true, gone: [] },
    host: hostOf(facts.capacity, rows),
    launches: launches.runs,
    columns: figureColumns(rows),
  };
}

function hostOf(
  {
    cpusMilli,
    memoryMib,
    diskMib,
  }: { readonly cpusMilli: number; readonly memoryMib: number; readonly diskMib: number },
  rows: readonly TaskFigures[],
): HostFigures {
  const used = Math.min(
    cpusMilli,
    rows.reduce((sum, row) => sum + row.cpusMilli, 0),
  );
  const cores = Math.max(1, Math.ceil(cpusMilli / 1000));
  const memoryUsedMib = Math.min(
    memoryMib,
    rows.reduce((sum, row) => sum + row.memoryMib, 0),
  );
  return { cpusMilli: used, cores, memoryUsedMib, memoryMib, diskUsedMib: 0, diskMib, load: used / 1000 };
}
