import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readJsonIfThere } from './files.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

/** Who holds a lock: a launcher that runs a home, or a sweep that stops what a killed launcher left. */
export interface Holder extends ProcessIdentity {
  readonly purpose: 'up' | 'sweep';
}

/** Takes a lock file for this process; `undefined` when that worked, else the living process that has it. */
export function takeLock(file: string, purpose: Holder['purpose']): Holder | undefined {
  const self = identify(process.pid);
  if (self === undefined) throw new Error('this process has no start time');
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, JSON.stringify({ ...self, purpose } satisfies Holder));
  try {
    for (;;) {
      if (linked(mine, file)) return undefined;
      const holder = lockHolder(file);
      if (holder !== undefined) return holder;
      setAsideDeadLock(file);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

export function releaseLock(file: string): void {
  if (readJsonIfThere<Holder>(file)?.pid === process.pid) rmSync(file, { force: true });
}

/** The living process that has this lock. */
export function lockHolder(file: string): Holder | undefined {
  const holder = readJsonIfThere<Holder>(file);
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

function linked(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Two processes may find the same dead lock; what one renames may already be the other's new one, and is given back. */
function setAsideDeadLock(file: string): void {
  const aside = `${file}.${process.pid}.dead`;
  try {
    renameSync(file, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const holder = readJsonIfThere<Holder>(aside);
  if (holder !== undefined && isAlive(holder)) linked(aside, file);
  rmSync(aside, { force: true });
}
