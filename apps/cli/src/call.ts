import type { Command } from 'commander';
import type { TerminalSize } from './answers.js';
import { CliError } from './cli-error.js';
import { exitCodes } from './exit-codes.js';
import { findGateway, type Environment } from './find-gateway.js';
import { GatewayClient } from './gateway-client.js';
import { Output, type OutputFormat } from './output/output.js';

/** The process around a call; another one in specs. */
export interface Surroundings {
  readonly environment: Environment;
  readonly folder: string;
  readonly actor: string;
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
  /** What a task wrote, byte for byte. */
  readonly bytes: (to: 'stdout' | 'stderr', bytes: Uint8Array) => void;
  /** Asks on the terminal; nothing when there is none to ask. */
  readonly ask: ((question: string) => Promise<string>) | undefined;
  readonly readInput: () => Promise<string>;
  /** What comes on stdin, until the signal. */
  readonly input: (until: AbortSignal) => AsyncIterable<Uint8Array>;
  readonly terminal: LocalTerminal | undefined;
  /** Whether stdout is a terminal that can be redrawn. */
  readonly redraws: boolean;
  /** Aborted by Ctrl-C. */
  readonly interrupted: AbortSignal;
}

/** The terminal that stdout is. */
export interface LocalTerminal {
  /** Whether stdin is the same one. */
  readonly isTyped: boolean;
  readonly size: () => TerminalSize;
  /** Returns what ends that. */
  readonly onResize: (listener: () => void) => () => void;
  /** Hands on each key as it is pressed, until the returned function is called. */
  readonly pass: () => () => void;
}

export interface Options {
  readonly output?: OutputFormat;
  readonly at?: string;
  readonly reason?: string;
  readonly detach?: boolean;
  readonly timeout?: number;
  readonly yes?: boolean;
  readonly watch?: boolean;
  readonly [name: string]: unknown;
}

/** A verb being called: what was typed, and all that it may use. */
export interface Call {
  readonly args: readonly (string | undefined)[];
  readonly options: Options;
  readonly gateway: GatewayClient;
  readonly output: Output;
  readonly surroundings: Surroundings;
}

/** Ends with one of the exit codes, or with that of what it ran. */
export type Verb = (call: Call) => Promise<number | void>;

const PATIENCE_MS = 10_000;

export function callOf(command: Command, surroundings: Surroundings): Call {
  const options = command.optsWithGlobals<Options>();
  return {
    args: command.processedArgs as (string | undefined)[],
    options,
    gateway: new GatewayClient({
      find: () => findGateway(surroundings.environment, surroundings.folder),
      actor: surroundings.actor,
      patienceMs: PATIENCE_MS,
    }),
    output: new Output(
      options.output ?? 'table',
      surroundings.out,
      surroundings.err,
      () => surroundings.terminal?.size().columns,
    ),
    surroundings,
  };
}

/** Asks before something is destroyed, unless `--yes`; without a terminal to ask on, it refuses. */
export async function confirm(call: Call, question: string): Promise<void> {
  if (call.options.yes === true) return;
  const { ask } = call.surroundings;
  if (ask === undefined) {
    const remedy = 'add --yes, since there is no terminal to ask on';
    throw new CliError('not-confirmed', `"${question}" was not answered`, { remedy, exitCode: exitCodes.usage });
  }
  const answer = await ask(`${question} [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('not-confirmed', 'nothing was changed');
}

/** The argument at a place where the grammar makes sure that there is one. */
export function argument(call: Call, at: number): string {
  return call.args[at] ?? '';
}

/** A path whose parts come from the user. */
export function path(strings: TemplateStringsArray, ...parts: readonly string[]): string {
  return strings.reduce((whole, text, at) => whole + encodeURIComponent(parts[at - 1] ?? '') + text);
}
