import { spawn, type ChildProcess } from 'node:child_process';
import { constants } from 'node:os';
import type { Readable, Writable } from 'node:stream';
import type { ProbePlace } from './probes.js';
import { signal } from './process-identity.js';
import type { RunningCommand, TaskCommand } from './runtime.js';
import { onTerminal, TerminalSession } from './terminal-session.js';

/** `$1` files of groups to join, then the command. */
const JOIN_AND_EXEC =
  'n=$1; shift; while [ "$n" -gt 0 ]; do echo 0 >"$1" || exit 126; shift; n=$((n-1)); done; exec "$@"';
/** What left the command's own group may hold its outputs open for ever. */
const OUTPUT_AFTER_EXIT_MS = 5_000;

export function runInTask(command: TaskCommand, place: ProbePlace): RunningCommand {
  const { terminal, onOutput } = command;
  const words = terminal === undefined ? command.words : onTerminal(command.words, terminal);
  const { procsFiles, sandbox } = place;
  const child = spawn('/bin/sh', ['-c', JOIN_AND_EXEC, 'exec', `${procsFiles.length}`, ...procsFiles, ...words], {
    cwd: sandbox,
    env: {
      ...place.environment,
      ...(terminal === undefined ? {} : { TERM: 'xterm-256color' }),
      ...command.environment,
    },
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe', terminal === undefined ? 'ignore' : 'pipe'],
  });
  const [stdin, stdout, stderr] = [child.stdin!, child.stdout!, child.stderr!];
  const session = terminal === undefined ? undefined : new TerminalSession(child.stdio[3] as Readable);
  const kill = (): void => {
    if (child.pid !== undefined) signal(-child.pid, 'SIGKILL');
  };
  const taken = handOn({ stdout, stderr }, onOutput);
  taken.catch(kill);
  const end = async (): Promise<number> => {
    const code = await exitOf(child);
    kill();
    const rest = session?.endRest();
    const timer = setTimeout(() => {
      for (const output of [stdout, stderr]) output.push(null);
    }, OUTPUT_AFTER_EXIT_MS);
    await taken.finally(() => clearTimeout(timer));
    await rest;
    return code;
  };
  return { ...inputOf(stdin), resize: async (size) => session?.resize(size), kill, ended: end() };
}

function exitOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, by) => resolve(code ?? 128 + (by === null ? 0 : constants.signals[by])));
  });
}

async function handOn(
  outputs: Readonly<Record<'stdout' | 'stderr', Readable>>,
  onOutput: TaskCommand['onOutput'],
): Promise<void> {
  const forward = async (output: 'stdout' | 'stderr') => {
    for await (const chunk of outputs[output]) await onOutput(output, chunk as Uint8Array);
  };
  await Promise.all([forward('stdout'), forward('stderr')]);
}

/** A command need not read what it is given: then nobody hears of it. */
function inputOf(stdin: Writable): Pick<RunningCommand, 'write' | 'endInput'> {
  stdin.on('error', () => undefined);
  return {
    write: (bytes) => new Promise((taken) => stdin.write(bytes, () => taken())),
    endInput: () => void stdin.end(),
  };
}
