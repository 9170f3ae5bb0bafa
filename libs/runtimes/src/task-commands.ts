import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import type { ProbePlace } from './probes.js';
import { signal } from './process-identity.js';
import type { RunningCommand, TaskCommand } from './runtime.js';

/** `$1` files of groups to join, then the command. */
const JOIN_AND_EXEC =
  'n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 >"$1" || exit 126; shift; n=$((n-1)); done; exec "$@"';
/** What left the command's own group may hold its outputs open for ever. */
const OUTPUT_AFTER_EXIT_MS = 5_000;

export function runInTask({ words, environment, onOutput }: TaskCommand, place: ProbePlace): RunningCommand {
  const { procsFiles, sandbox } = place;
  const child = spawn('/bin/sh', ['-c', JOIN_AND_EXEC, 'exec', `${procsFiles.length}`, ...procsFiles, ...words], {
    cwd: sandbox,
    env: { ...place.environment, ...environment },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const kill = (): void => {
    if (child.pid !== undefined) signal(-child.pid, 'SIGKILL');
  };
  // A command need not read what it is given.
  child.stdin.on('error', () => undefined);
  const exited = new Promise<number>((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, by) => resolve(code ?? 128 + (by === null ? 0 : constants.signals[by])));
  });
  const forward = async (output: 'stdout' | 'stderr', bytes: Readable): Promise<void> => {
    for await (const chunk of bytes) await onOutput(output, chunk as Uint8Array);
  };
  const taken = Promise.all([forward('stdout', child.stdout), forward('stderr', child.stderr)]);
  taken.catch(kill);
  const end = async (): Promise<number> => {
    const code = await exited;
    kill();
    const timer = setTimeout(() => {
      for (const output of [child.stdout, child.stderr]) output.push(null);
    }, OUTPUT_AFTER_EXIT_MS);
    await taken.finally(() => clearTimeout(timer));
    return code;
  };
  return {
    write: (bytes) => void child.stdin.write(bytes),
    endInput: () => void child.stdin.end(),
    kill,
    ended: end(),
  };
}
