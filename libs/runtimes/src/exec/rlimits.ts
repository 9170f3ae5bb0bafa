import type { TaskLaunch } from '../runtime.js';

/**
 * The words of a command that limits itself so and becomes what follows: `prlimit` of util-linux, since the `ulimit` of a shell
 * knows some of them only, and which ones is another matter in each shell.
 */
export function rlimitWords(rlimits: NonNullable<TaskLaunch['rlimits']>): string {
  if (rlimits.length === 0) return '';
  const limits = rlimits.map(([name, soft, hard]) => `--${optionOf(name)}=${limitOf(soft)}:${limitOf(hard)}`);
  return ['prlimit', ...limits, '--'].join(' ');
}

function optionOf(name: string): string {
  if (/^RLIMIT_[A-Z]+$/.test(name)) return name.slice('RLIMIT_'.length).toLowerCase();
  throw new RangeError(`a limit has a name such as RLIMIT_NOFILE, found ${JSON.stringify(name)}`);
}

function limitOf(limit: number): string {
  return limit === -1 ? 'unlimited' : `${limit}`;
}
