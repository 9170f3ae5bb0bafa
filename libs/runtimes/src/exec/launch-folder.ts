import { closeSync, mkdirSync, openSync, readFileSync, statSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { parseStat, type ProcessIdentity } from '../process-identity.js';

/**
 * What disk says about one launch: `pid` (the claim: exactly one shim, or nobody for ever), `exit` (how it ended),
 * `cgroups` (where its processes are counted), `sandbox/` (its working directory with stdout and stderr).
 */
export interface LaunchFolder {
  readonly path: string;
  readonly sandbox: string;
}

export function launchFolder(launches: string, launch: string): LaunchFolder {
  if (!isSafeName(launch))
    throw new RangeError(`a launch id must be a plain file name, found ${JSON.stringify(launch)}`);
  const path = join(launches, launch);
  return { path, sandbox: join(path, 'sandbox') };
}

/** Ids become names of folders and cgroups. */
export function isSafeName(name: string): boolean {
  return /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name);
}

export type Claim =
  | { readonly by: 'nobody' }
  /** A shim is about to write its line, or died before it could. */
  | { readonly by: 'unknown'; readonly at: number }
  /** The launch was stopped before it began, and never will. */
  | { readonly by: 'tombstone'; readonly at: number }
  | { readonly by: 'shim'; readonly at: number; readonly shim: ProcessIdentity; readonly task?: ProcessIdentity };

const TOMBSTONE = 'never\n';

export function readClaim({ path }: LaunchFolder): Claim {
  const file = join(path, 'pid');
  const text = readIfThere(file);
  if (text === undefined) return { by: 'nobody' };
  const at = Math.round(statSync(file).mtimeMs);
  if (text === TOMBSTONE) return { by: 'tombstone', at };
  const [first = '', second = ''] = text.split('\n');
  const shim = parseIdentity('shim ', first);
  const task = parseIdentity('task ', second);
  if (shim === undefined) return { by: 'unknown', at };
  return { by: 'shim', at, shim, ...(task !== undefined && { task }) };
}

/** Makes sure that the launch never begins; false when a shim was there first. */
export function claimForNobody({ path }: LaunchFolder): boolean {
  mkdirSync(path, { recursive: true });
  return createOnce(join(path, 'pid'), TOMBSTONE);
}

/** False when the file was there before. */
export function createOnce(path: string, text: string): boolean {
  try {
    const file = openSync(path, 'wx');
    writeSync(file, text);
    closeSync(file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

export interface ExitRecord {
  readonly at: number;
  readonly code?: number;
  readonly signal?: string;
  readonly oom: boolean;
}

export function readExit({ path }: LaunchFolder): ExitRecord | undefined {
  const file = join(path, 'exit');
  const text = readIfThere(file);
  if (text === undefined) return undefined;
  const fields = new Map(text.split('\n').map((line) => line.split(' ') as [string, string]));
  const signalNumber = Number(fields.get('signal') ?? 0);
  return {
    // The record itself has the machine's uptime, which is no date.
    at: Math.round(statSync(file).mtimeMs),
    ...(signalNumber === 0 ? { code: Number(fields.get('code')) } : { signal: signalName(signalNumber) }),
    oom: Number(fields.get('oom') ?? 0) > 0,
  };
}

function signalName(number: number): string {
  const found = Object.entries(constants.signals).find(([, value]) => value === number);
  return found?.[0] ?? `SIG${number}`;
}

function parseIdentity(prefix: string, line: string): ProcessIdentity | undefined {
  if (!line.startsWith(prefix)) return undefined;
  const rest = line.slice(prefix.length);
  const blank = rest.indexOf(' ');
  const stat = parseStat(rest.slice(blank + 1));
  if (blank < 0 || stat === undefined) return undefined;
  return { pid: stat.pid, startTicks: stat.startTicks, bootId: rest.slice(0, blank) };
}

export function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'latin1');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
