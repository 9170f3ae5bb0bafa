import { constants } from 'node:fs';
import { open, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentId } from '@orrery/contracts';
import { evolve, type AgentFact } from './agent-state/agent-fact.js';
import type { Checkpoint } from './checkpoint.js';
import { newState, restoreState, saveState, type AgentState, type SavedState } from './agent-state/agent-state.js';

/**
 * The agent's memory on disk: `checkpoint.json` is a state, `checkpoint.log` the facts since, one line each. A line counts
 * once it is synced; a torn last line was never acted on. Numbers tie the two: a log that a crash left behind its state is
 * skipped line by line.
 */
export class CheckpointFile implements Checkpoint {
  readonly state: AgentState;
  readonly #folder: string;
  readonly #log: FileHandle;
  #logBytes: number;
  #number: number;

  private constructor(folder: string, state: AgentState, log: FileHandle, logBytes: number, number: number) {
    this.#folder = folder;
    this.state = state;
    this.#log = log;
    this.#logBytes = logBytes;
    this.#number = number;
  }

  /** Opens what is there, or begins anew under the id that `newId` makes. */
  static async open(folder: string, newId: () => AgentId): Promise<CheckpointFile> {
    const saved = await readSaved(folder);
    const state = saved === undefined ? newState(newId()) : restoreState(saved.state);
    let number = saved?.number ?? 0;
    const path = join(folder, 'checkpoint.log');
    const { lines, bytes } = wholeLines(await readOrEmpty(path));
    for (const [at, fact] of lines) {
      if (at <= number) continue;
      if (at !== number + 1) throw new Error(`${path} jumps from fact ${number} to ${at}: the checkpoint is damaged`);
      evolve(state, fact);
      number = at;
    }
    const log = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND);
    await log.truncate(bytes);
    const file = new CheckpointFile(folder, state, log, bytes, number);
    if (saved === undefined) await file.#compact();
    return file;
  }

  async append(facts: readonly AgentFact[]): Promise<void> {
    if (facts.length === 0) return;
    const text = facts.map((fact) => `${JSON.stringify([++this.#number, fact])}\n`).join('');
    await this.#log.appendFile(text);
    await this.#log.datasync();
    this.#logBytes += Buffer.byteLength(text);
    if (this.#logBytes > LOG_BYTES_MAX) await this.#compact();
  }

  /** Volumes and sandboxes stay on disk. */
  async discard(): Promise<void> {
    await rm(join(this.#folder, 'checkpoint.json'), { force: true });
    await rm(join(this.#folder, 'checkpoint.log'), { force: true });
  }

  async close(): Promise<void> {
    await this.#log.close();
  }

  async #compact(): Promise<void> {
    const path = join(this.#folder, 'checkpoint.json');
    const next = await open(`${path}.new`, 'w');
    await next.writeFile(JSON.stringify({ version: VERSION, number: this.#number, state: saveState(this.state) }));
    await next.sync();
    await next.close();
    await rename(`${path}.new`, path);
    await syncFolder(this.#folder);
    await this.#log.truncate(0);
    this.#logBytes = 0;
  }
}

const VERSION = 2;
/** Compacting costs one write of the state; a log of this size is read back in milliseconds. */
const LOG_BYTES_MAX = 4 * 1024 * 1024;

interface Saved {
  readonly number: number;
  readonly state: SavedState;
}

async function readSaved(folder: string): Promise<Saved | undefined> {
  const path = join(folder, 'checkpoint.json');
  const text = await readOrEmpty(path);
  if (text === '') return undefined;
  const saved = JSON.parse(text) as Saved & { readonly version: number };
  if (saved.version !== VERSION) throw new Error(`${path} has version ${saved.version}, this agent reads ${VERSION}`);
  return saved;
}

/** The lines that were written to their end; only the last may be torn. */
function wholeLines(text: string): { lines: (readonly [number, AgentFact])[]; bytes: number } {
  const end = text.lastIndexOf('\n') + 1;
  const whole = text.slice(0, end);
  const lines = whole.split('\n').slice(0, -1);
  return { lines: lines.map((line) => JSON.parse(line) as [number, AgentFact]), bytes: Buffer.byteLength(whole) };
}

async function readOrEmpty(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  await handle.sync();
  await handle.close();
}
