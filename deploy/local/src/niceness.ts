import { readdirSync, writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { isAlive, type ProcessIdentity } from './process-identity.js';

/** A third of the weight of the others while the processor is short; all there is when it is not. */
const NICENESS = 5;

/** The system has no such process any more, does not share out by sessions, or does not let us. */
const REFUSED = ['ESRCH', 'ENOENT', 'EAGAIN', 'EACCES', 'EPERM', 'EROFS'];

/** Lets a process run behind the others from then on. A wish: where it is not granted, all run alike. */
export function runBehindAfter(delayMs: number, identity: ProcessIdentity): void {
  setTimeout(() => {
    if (isAlive(identity)) runBehind(identity.pid);
  }, delayMs).unref();
}

function runBehind(pid: number): void {
  if (process.platform !== 'linux') return grant(() => setPriority(pid, NICENESS));
  // Linux gives each thread a priority of its own, which the threads that it begins later inherit.
  grant(() => readdirSync(`/proc/${pid}/task`).forEach((thread) => grant(() => setPriority(Number(thread), NICENESS))));
  // It may share the processor out between sessions first, and each process of the launcher has one of its own.
  grant(() => writeFileSync(`/proc/${pid}/autogroup`, String(NICENESS)));
}

function grant(wish: () => void): void {
  try {
    wish();
  } catch (error) {
    const { code, info } = error as NodeJS.ErrnoException & { readonly info?: { readonly code: string } };
    if (!REFUSED.includes(info?.code ?? code ?? '')) throw error;
  }
}
