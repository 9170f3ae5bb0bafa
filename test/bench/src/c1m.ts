import { manyTasks } from './many-tasks.js';
import type { BenchmarkOptions } from './options.js';
import type { BenchmarkResult } from './report.js';

const TASKS_PER_SERVICE = 1000;
const CLIENTS = 75;

/** HashiCorp's C1M: a million tasks of 1,000 services on 5,000 machines. */
export function c1m(options: BenchmarkOptions): Promise<BenchmarkResult> {
  return million('c1m', { agents: 5000, tasks: 1_000_000 }, options);
}

/** HashiCorp's C2M: two million tasks of 2,000 services on 6,100 machines. */
export function c2m(options: BenchmarkOptions): Promise<BenchmarkResult> {
  return million('c2m', { agents: 6100, tasks: 2_000_000 }, options);
}

/** Mesos's MultiFrameworkAllocations: 80 agents, 554 clients of a role each, 19,500 tasks. */
export function mixed(options: BenchmarkOptions): Promise<BenchmarkResult> {
  const { agents = 80, tasks = 19_500 } = options;
  const clients = 554;
  return manyTasks(
    { name: 'mixed', agents, services: Math.min(clients, tasks), tasks, clients, roles: clients },
    options,
  );
}

function million(
  name: string,
  full: { readonly agents: number; readonly tasks: number },
  options: BenchmarkOptions,
): Promise<BenchmarkResult> {
  const { agents = full.agents, tasks = full.tasks } = options;
  const services = Math.max(1, Math.round(tasks / TASKS_PER_SERVICE));
  return manyTasks({ name, agents, services, tasks, clients: CLIENTS, roles: 1 }, options);
}
