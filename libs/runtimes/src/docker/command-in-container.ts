import type { Duplex } from 'node:stream';
import type { Exec } from 'dockerode';
import { signal } from '../process-identity.js';
import type { Probe, ProbeResult, RunningCommand, TaskCommand, TerminalSize } from '../runtime.js';
import type { DockerEngine } from './docker-engine.js';
import { TOOLS_PATH } from './node-in-container.js';

const HEAD_BYTES = 8;
const STDERR = 2;

interface Begun {
  readonly exec: Exec;
  readonly stream: Duplex;
}

/** Runs a command beside the first process of a container, within its limits. */
export function runInContainer(
  engine: DockerEngine,
  name: string,
  sandbox: string,
  command: TaskCommand,
): RunningCommand {
  const { words, environment, terminal, onOutput } = command;
  const begun = engine.exec(name, {
    Cmd: [...words],
    Env: pairs({ ...(terminal === undefined ? {} : { TERM: 'xterm-256color' }), ...environment }),
    WorkingDir: sandbox,
    AttachStdin: true,
    Tty: terminal !== undefined,
  });
  const resize = async (size: TerminalSize) => {
    const { exec } = await begun;
    if (terminal !== undefined) await exec.resize({ h: size.rows, w: size.columns }).catch(unlessCreated);
  };
  const end = async () => {
    const { exec, stream } = await begun;
    if (terminal !== undefined) await resize(terminal);
    if (terminal === undefined) for await (const { output, bytes } of piecesOf(stream)) await onOutput(output, bytes);
    else for await (const bytes of stream) await onOutput('stdout', bytes as Uint8Array);
    return exitCodeOf(exec);
  };
  const ended = end();
  // Whoever waits for the end hears of it.
  ended.catch(() => undefined);
  return {
    write: async (bytes) => {
      const { stream } = await begun;
      await new Promise<void>((taken) => stream.write(bytes, () => taken()));
    },
    endInput: () => void begun.then(({ stream }) => stream.end()).catch(() => undefined),
    resize,
    kill: () => void begun.then(killCommand).catch(() => undefined),
    ended,
  };
}

export async function checkInContainer(
  engine: DockerEngine,
  name: string,
  sandbox: string,
  { command, environment, timeoutMs }: Extract<Probe, { kind: 'cmd' }>,
): Promise<ProbeResult> {
  const begun = await engine.exec(name, {
    Cmd: ['/bin/sh', '-c', `export PATH="$PATH:${TOOLS_PATH}"; exec /bin/sh -c "$1"`, 'check', command],
    Env: pairs(environment),
    WorkingDir: sandbox,
  });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    void killCommand(begun);
  }, timeoutMs);
  try {
    // Its words are for nobody; its end is that of the stream.
    for await (const piece of begun.stream) void piece;
    const code = isLate ? -1 : await exitCodeOf(begun.exec);
    return isLate
      ? { passed: false, message: `no answer within ${timeoutMs} ms` }
      : { passed: code === 0, message: `exit code ${code}` };
  } catch (error) {
    return { passed: false, message: isLate ? `no answer within ${timeoutMs} ms` : (error as Error).message };
  } finally {
    clearTimeout(timer);
  }
}

/** The engine ends no command for us, but tells where on this machine it is. */
async function killCommand({ exec, stream }: Begun): Promise<void> {
  const { Pid } = await exec.inspect().catch(() => ({ Pid: 0 }));
  if (Pid > 0 && !signal(-Pid, 'SIGKILL')) signal(Pid, 'SIGKILL');
  stream.destroy();
}

/** Podman says 201 where Docker says 200, which their client takes for an error. */
function unlessCreated(error: { statusCode?: number }): void {
  if (error.statusCode !== 201) throw error as Error;
}

async function exitCodeOf(exec: Exec): Promise<number> {
  const { ExitCode } = await exec.inspect();
  if (ExitCode === null) throw new Error('the engine does not tell how the command ended');
  return ExitCode;
}

/** Each piece has a head: whose output it is, three bytes of nothing, its length. */
export async function* piecesOf(
  stream: AsyncIterable<unknown>,
): AsyncGenerator<{ readonly output: 'stdout' | 'stderr'; readonly bytes: Uint8Array }> {
  let kept: Buffer = Buffer.alloc(0);
  for await (const chunk of stream) {
    kept = kept.length === 0 ? (chunk as Buffer) : Buffer.concat([kept, chunk as Buffer]);
    while (kept.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + kept.readUInt32BE(4);
      if (kept.length < end) break;
      yield { output: kept[0] === STDERR ? 'stderr' : 'stdout', bytes: kept.subarray(HEAD_BYTES, end) };
      kept = kept.subarray(end);
    }
  }
}

function pairs(environment: Readonly<Record<string, string>>): string[] {
  return Object.entries(environment).map(([name, value]) => `${name}=${value}`);
}
