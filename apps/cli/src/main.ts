import { CommanderError } from 'commander';
import { userInfo } from 'node:os';
import type { Surroundings } from './call.js';
import { describeError, CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import { inputUntil, localTerminalOf } from './local-terminal.js';
import { programOf } from './program.js';

/** The `orrery` bin: runs one call and sets the exit code; the process ends when its output is written. */
export async function run(process: NodeJS.Process): Promise<void> {
  // `orrery … | head` closes the pipe early: that is no error of ours.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
  const interrupted = new AbortController();
  process.once('SIGINT', () => {
    interrupted.abort();
    process.exitCode = 130;
    // A second Ctrl-C ends at once.
    process.once('SIGINT', () => process.exit(130));
  });
  const code = await runCall(process.argv.slice(2), surroundingsOf(process, interrupted.signal));
  process.exitCode = interrupted.signal.aborted ? 130 : code;
}

export async function runCall(words: readonly string[], surroundings: Surroundings): Promise<number> {
  const done: { code: number } = { code: exitCodes.done };
  const program = programOf(surroundings, (code) => (done.code = code));
  try {
    await program.parseAsync([...words], { from: 'user' });
    return done.code;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    if (surroundings.interrupted.aborted) return exitCodes.error;
    surroundings.err(`${describeError(error)}\n`);
    return error instanceof CliError ? error.exitCode : exitCodes.error;
  }
}

function surroundingsOf(process: NodeJS.Process, interrupted: AbortSignal): Surroundings {
  return {
    environment: process.env,
    folder: process.cwd(),
    actor: actorOf(process.env),
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    bytes: (to, bytes) => void process[to].write(bytes),
    ask: process.stdin.isTTY && process.stderr.isTTY ? askOnTerminal : undefined,
    readInput: async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks).toString('utf8');
    },
    input: (until) => inputUntil(process.stdin, until),
    terminal: localTerminalOf(process),
    redraws: process.stdout.isTTY === true,
    interrupted,
  };
}

async function askOnTerminal(question: string): Promise<string> {
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(question);
  } finally {
    lines.close();
  }
}

function actorOf(environment: NodeJS.ProcessEnv): string {
  try {
    return userInfo().username;
  } catch (error) {
    // A container may run under a uid that no name belongs to.
    return environment['USER'] ?? `uid-${process.getuid?.() ?? (error as Error).name}`;
  }
}
