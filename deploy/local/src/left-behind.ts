import { isAlive } from './process-identity.js';
import type { RunningProcess } from './supervisor.js';
import { NotInTime, until } from './waiting.js';

/** Stops processes that another launcher started and did not live to stop, in its order. */
export async function stopLeftBehind(processes: readonly RunningProcess[]): Promise<readonly RunningProcess[]> {
  const alive = processes.filter(isAlive);
  const stages = [...new Set(alive.map(({ stage }) => stage))].sort((a, b) => b - a);
  for (const stage of stages) {
    await Promise.all(alive.filter((one) => one.stage === stage).map((one) => endLeftBehind(one)));
  }
  return alive;
}

async function endLeftBehind(one: RunningProcess): Promise<void> {
  const gone = () => (isAlive(one) ? undefined : true);
  kill(one, 'SIGTERM');
  try {
    await until(gone, { what: `the end of ${one.name}`, withinMs: one.stopGraceMs });
  } catch (error) {
    if (!(error instanceof NotInTime)) throw error;
    kill(one, 'SIGKILL');
    await until(gone, { what: `the end of ${one.name} after SIGKILL`, withinMs: 10_000 });
  }
}

function kill(one: RunningProcess, signal: NodeJS.Signals): void {
  if (!isAlive(one)) return;
  try {
    process.kill(one.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
