import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface CgroupMount {
  readonly version: 1 | 2;
  readonly folder: string;
  /** The part of the hierarchy that is mounted: paths of processes are relative to the whole. */
  readonly root: string;
  readonly options: readonly string[];
}

export function parseMounts(mountinfo: string): CgroupMount[] {
  return mountinfo.split('\n').flatMap((line) => {
    const [before = '', after = ''] = line.split(' - ');
    const [type = '', , superOptions = ''] = after.split(' ');
    if (type !== 'cgroup' && type !== 'cgroup2') return [];
    const [, , , root = '/', folder = ''] = before.split(' ');
    return [{ version: type === 'cgroup' ? 1 : 2, folder, root, options: superOptions.split(',') } as const];
  });
}

/** Controller (empty for version 2) → path of this process. */
export function parseOwn(text: string): Map<string, string> {
  const own = new Map<string, string>();
  for (const line of text.split('\n').filter((line) => line !== '')) {
    const [, controllers = '', ...path] = line.split(':');
    for (const controller of controllers.split(',')) own.set(controller, path.join(':'));
  }
  return own;
}

/** Where a path of the hierarchy is found below its mount. */
export function folderIn(mount: CgroupMount, path: string): string {
  const below = mount.root !== '/' && path.startsWith(mount.root) ? path.slice(mount.root.length) : path;
  return join(mount.folder, below);
}

export function readPids(folder: string): number[] {
  try {
    return readFileSync(join(folder, 'cgroup.procs'), 'latin1').split('\n').filter(Boolean).map(Number);
  } catch (error) {
    if (isGone(error)) return [];
    throw error;
  }
}

/** What a group may lack, or lose when it goes. */
export function readOrEmpty(folder: string, file: string): string {
  try {
    return readFileSync(join(folder, file), 'latin1');
  } catch {
    return ''; // told by the result
  }
}

export function write(folder: string, file: string, value: string | number): void {
  writeFileSync(join(folder, file), `${value}`);
}

/** Writes what a kernel may lack or a container may forbid. */
export function tryWrite(folder: string, file: string, value: string | number): boolean {
  try {
    write(folder, file, value);
    return true;
  } catch {
    return false; // told by the result
  }
}

/** Why this folder can't hold groups of ours, or nothing when it can. */
export function whyNotUsable(folder: string): string | undefined {
  try {
    mkdirSync(folder, { recursive: true });
    const probe = join(folder, 'probe');
    mkdirSync(probe, { recursive: true });
    rmdirSync(probe);
    return undefined;
  } catch (error) {
    return `${folder} is not writable (${(error as NodeJS.ErrnoException).code})`;
  }
}

/** True when the group is gone; false while there is something in it. */
export function removeGroup(folder: string): boolean {
  try {
    rmdirSync(folder);
    return true;
  } catch (error) {
    return isGone(error);
  }
}

export function killPids(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENODEV';
}
