import { spawn } from 'node:child_process';
import { accessSync, closeSync, constants, openSync, realpathSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Readable } from 'node:stream';
import { bootId, membersOf, parseStat, signal, type ProcessIdentity } from './process-identity.js';
import type { TerminalSize } from './runtime.js';

/** This machine can't make a terminal; says why. */
export class NoTerminal extends Error {
  constructor(lacks: string) {
    super(`there are no terminals on this machine: it lacks ${lacks}`);
    this.name = 'NoTerminal';
  }
}

/** From the hang-up to SIGKILL: shells write their history, editors save what is open. */
const HANG_UP_MS = 1_000;

/**
 * The words that run others on a terminal of their own, by `script` of util-linux: it stands between that terminal and plain
 * pipes, and hands on the last byte before it ends. Descriptor 3 is told whose session it is.
 */
export function onTerminal(words: readonly string[], { rows, columns }: TerminalSize): string[] {
  const [script, stty] = [findProgram('script'), findProgram('stty')];
  // The one of busybox ends with no exit code and echoes nothing.
  if (script === undefined || basename(realpathSync(script)) === 'busybox')
    throw new NoTerminal('script of util-linux');
  if (stty === undefined) throw new NoTerminal('stty');
  const begin = `${stty} sane rows ${rows} cols ${columns}; { tty; cat /proc/$$/stat; } >&3; exec 3>&-; exec`;
  return ['env', 'SHELL=/bin/sh', script, '-qefc', [begin, ...words.map(quoted)].join(' '), '/dev/null'];
}

/** The session on the far side of the terminal, by what it told of itself. */
export class TerminalSession {
  readonly #told: Promise<{ readonly tty: string; readonly leader: ProcessIdentity | undefined }>;
  #wanted: TerminalSize | undefined;
  #isResizing = false;
  #isOver = false;

  constructor(told: Readable) {
    this.#told = firstLines(told, 2).then(([tty = '', line = '']) => {
      const stat = parseStat(line);
      const leader = stat && { pid: stat.pid, startTicks: stat.startTicks, bootId: bootId() };
      return { tty, leader };
    });
  }

  /** The last wish counts; what runs on the terminal is told by the kernel. */
  async resize(size: TerminalSize): Promise<void> {
    this.#wanted = size;
    if (this.#isResizing) return;
    this.#isResizing = true;
    const { tty } = await this.#told;
    for (let wanted = this.#next(); wanted !== undefined; wanted = this.#next()) await setSize(tty, wanted);
    this.#isResizing = false;
  }

  /** Its terminal is gone, so the kernel has hung up on what ran in front; what else it began is ended for sure. */
  async endRest(): Promise<void> {
    this.#isOver = true;
    const { leader } = await this.#told;
    if (leader === undefined) return;
    const tell = (name: NodeJS.Signals) => membersOf(leader, leader.bootId).forEach((pid) => signal(pid, name));
    tell('SIGHUP');
    setTimeout(() => tell('SIGKILL'), HANG_UP_MS).unref();
  }

  #next(): TerminalSize | undefined {
    const wanted = this.#isOver ? undefined : this.#wanted;
    this.#wanted = undefined;
    return wanted;
  }
}

function setSize(tty: string, { rows, columns }: TerminalSize): Promise<void> {
  const { O_RDWR, O_NOCTTY, O_NONBLOCK } = constants;
  const file = openSync(tty, O_RDWR | O_NOCTTY | O_NONBLOCK);
  try {
    const stty = spawn('stty', ['rows', `${rows}`, 'cols', `${columns}`], { stdio: [file, 'ignore', 'ignore'] });
    return new Promise((resolve, reject) => stty.once('error', reject).once('exit', () => resolve()));
  } finally {
    closeSync(file);
  }
}

/** Fewer when it ends before. */
async function firstLines(readable: Readable, count: number): Promise<string[]> {
  let text = '';
  for await (const chunk of readable) {
    text += String(chunk);
    if (text.split('\n').length > count) break;
  }
  return text.split('\n').slice(0, count);
}

function findProgram(name: string): string | undefined {
  const folders = (process.env['PATH'] ?? '/usr/bin:/bin').split(':');
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false; // not there, or not for us: told by the result
  }
}

/** As one word of a shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
