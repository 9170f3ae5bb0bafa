import type { ExecLine, TerminalSize } from '../answers.js';
import { argument, path, type Call, type LocalTerminal } from '../call.js';
import { CliError } from '../cli-error.js';
import { CommandInput } from '../command-input.js';
import { exitCodes } from '../exit-codes.js';

const NO_SIZE: TerminalSize = { rows: 24, columns: 80 };

/** Runs a command in a task, with its input and on a terminal where asked, and ends with its exit code. */
export async function exec(call: Call): Promise<number> {
  const { options, surroundings } = call;
  const [hasInput, hasTerminal] = [options['stdin'] === true, options['tty'] === true];
  const { terminal } = surroundings;
  if (hasInput && hasTerminal && terminal?.isTyped !== true) {
    const remedy = 'leave out -t to hand on what is piped in';
    throw new CliError('no-terminal', '-t together with -i needs a terminal to type on', {
      remedy,
      exitCode: exitCodes.usage,
    });
  }
  const over = new AbortController();
  // What is typed goes to the far side as it is, Ctrl-C too; the terminal is set back on every way out.
  const setBack = hasInput && hasTerminal ? terminal!.pass() : () => undefined;
  try {
    return await converse(call, { hasInput, size: hasTerminal ? sizeOf(terminal) : undefined, over });
  } finally {
    setBack();
    over.abort();
  }
}

interface Wanted {
  readonly hasInput: boolean;
  readonly size: TerminalSize | undefined;
  /** Aborted when the command is over, or its input can't be brought to it. */
  readonly over: AbortController;
}

async function converse(call: Call, wanted: Wanted): Promise<number> {
  const { gateway, surroundings } = call;
  const address = path`/v1/tasks/${argument(call, 0)}/exec`;
  const signal = AbortSignal.any([surroundings.interrupted, wanted.over.signal]);
  let input: CommandInput | undefined;
  let inputError: unknown;
  for await (const line of gateway.once<ExecLine>(address, bodyOf(call, wanted), signal)) {
    if ('exit' in line) return line.exit;
    if ('error' in line) throw new CliError(line.code, line.error);
    if ('stream' in line) surroundings.bytes(line.stream, Buffer.from(line.data, 'base64'));
    if ('taken' in line) input?.taken(line.taken);
    if (!('input' in line)) continue;
    const { input: to } = line;
    input = new CommandInput((piece) => gateway.give(to, piece, signal), signal);
    bring(call, input, wanted).catch((error: unknown) => {
      if (signal.aborted) return;
      inputError = error;
      wanted.over.abort();
    });
  }
  throw inputError ?? new CliError('stream-lost', 'the gateway did not tell how the command ended');
}

/** What is typed or piped in, and each new size of the terminal. */
async function bring(call: Call, input: CommandInput, { hasInput, size, over }: Wanted): Promise<void> {
  const { terminal } = call.surroundings;
  if (size !== undefined && terminal !== undefined) {
    const stop = terminal.onResize(() => input.resize(sizeOf(terminal)));
    over.signal.addEventListener('abort', stop);
  }
  if (hasInput) await input.bring(call.surroundings.input(over.signal));
}

function bodyOf({ args, options }: Call, { hasInput, size }: Wanted): object {
  const ttlMs = options['ttl'] as number | undefined;
  return {
    cmd: args[1],
    ...(ttlMs === undefined ? {} : { 'ttl-secs': ttlMs / 1000 }),
    ...(hasInput ? { interactive: true } : {}),
    ...(size === undefined ? {} : { terminal: size }),
  };
}

function sizeOf(terminal: LocalTerminal | undefined): TerminalSize {
  return terminal?.size() ?? NO_SIZE;
}
