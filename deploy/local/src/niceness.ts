import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';

/** A third of the weight of the others while the processor is short; all there is when it is not. */
const NICENESS = 5;

/** The system has no such process any more, does not group by session, or does not let us. */
const REFUSED = ['ESRCH', 'ENOENT', 'EAGAIN', 'EACCES', 'EPERM', 'EROFS'];

/** Lets a process that was just started run behind the others. A wish: where it is not granted, all run alike. */
export function runBehind(pid: number): void {
  grant(() => setPriority(pid, NICENESS));
  // Linux may share the processor out between sessions first, and each process of the launcher has one of its own.
  if (process.platform === 'linux') grant(() => writeFileSync(`/proc/${pid}/autogroup`, String(NICENESS)));
}

function grant(wish: () => void): void {
  try {
    wish();
  } catch (error) {
    const { code, info } = error as NodeJS.ErrnoException & { readonly info?: { readonly code: string } };
    if (!REFUSED.includes(info?.code ?? code ?? '')) throw error;
  }
}
