import { join } from 'node:path';
import { parseArgs } from 'node:util';

/** What `npm run bench -- NAME` may be told; each benchmark takes what it understands. */
export interface BenchmarkOptions {
  /** Where JSON and curves go. */
  readonly out: string;
  readonly agents?: number;
  readonly tasks?: number;
  readonly policy: 'pack' | 'spread';
  readonly distinctPorts: boolean;
  readonly minutes?: number;
  /** How often to measure, each time on a new cluster where one is needed; the median counts, the spread is told. */
  readonly runs?: number;
  /** Nothing ran before: JVMs and processes are cold. */
  readonly cold: boolean;
  /** Write a profile of each process's measured time to DIR/profiles, and tell which threads used it. */
  readonly profile: boolean;
}

export const usage = `usage: npm run bench -- NAME [--out DIR] [--agents N] [--tasks N] [--policy pack|spread] [--distinct-ports]
                     [--minutes N] [--runs N] [--cold] [--profile]`;

export class UsageError extends Error {}

export function readOptions(args: readonly string[]): { readonly name: string; readonly options: BenchmarkOptions } {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      out: { type: 'string', default: 'bench-out' },
      agents: { type: 'string' },
      tasks: { type: 'string' },
      policy: { type: 'string', default: 'pack' },
      'distinct-ports': { type: 'boolean', default: false },
      minutes: { type: 'string' },
      runs: { type: 'string' },
      cold: { type: 'boolean', default: false },
      profile: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'agents' | 'tasks' | 'minutes' | 'runs') => {
    const given = values[name];
    if (given === undefined) return {};
    const value = Number(given);
    if (!(value > 0)) throw new UsageError(`--${name} is a number above 0, and not ${JSON.stringify(given)}`);
    return { [name]: value };
  };
  const { out, policy, cold, profile } = values;
  if (policy !== 'pack' && policy !== 'spread')
    throw new UsageError(`--policy is pack or spread, and not ${JSON.stringify(policy)}`);
  const counts = { ...number('agents'), ...number('tasks'), ...number('minutes'), ...number('runs') };
  return {
    name: positionals[0] ?? '',
    options: { out, policy, cold, profile, distinctPorts: values['distinct-ports'], ...counts },
  };
}

/** Where the profiles of a run go, if there are to be some. */
export function profilesOf({ out, profile }: BenchmarkOptions): { readonly profiles?: string } {
  return profile ? { profiles: join(out, 'profiles') } : {};
}
