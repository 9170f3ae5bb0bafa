import { linkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonIfThere } from './files.js';
import { identify, isAlive, type ProcessIdentity } from './process-identity.js';

/** Who holds a home: a launcher that runs it, or a sweep that stops what a killed launcher left. */
export interface Holder extends ProcessIdentity {
  readonly purpose: 'up' | 'sweep';
}

/** Takes the home for this process; `undefined` when it is taken, else the living process that has it. */
export function takeLock(home: string, purpose: Holder['purpose']): Holder | undefined {
  const self = identify(process.pid);
  if (self === undefined) throw new Error('this process has no start time');
  const mine = `${lockFile(home)}.${process.pid}`;
  writeFileSync(mine, JSON.stringify({ ...self, purpose } satisfies Holder));
  try {
    for (;;) {
      if (linked(mine, lockFile(home))) return undefined;
      const holder = lockHolder(home);
      if (holder !== undefined) return holder;
      setAsideDeadLock(home);
    }
  } finally {
    rmSync(mine, { force: true });
  }
}

export function releaseLock(home: string): void {
  if (readJsonIfThere<Holder>(lockFile(home))?.pid === process.pid) rmSync(lockFile(home), { force: true });
}

/** The living process that has this home. */
export function lockHolder(home: string): Holder | undefined {
  const holder = readJsonIfThere<Holder>(lockFile(home));
  return holder !== undefined && isAlive(holder) ? holder : undefined;
}

function lockFile(home: string): string {
  return join(home, 'launcher.lock');
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
function setAsideDeadLock(home: string): void {
  const aside = `${lockFile(home)}.${process.pid}.dead`;
  try {
    renameSync(lockFile(home), aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const holder = readJsonIfThere<Holder>(aside);
  if (holder !== undefined && isAlive(holder)) linked(aside, lockFile(home));
  rmSync(aside, { force: true });
}
