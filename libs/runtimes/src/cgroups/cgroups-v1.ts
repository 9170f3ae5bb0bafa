import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  folderIn,
  killPids,
  readOrEmpty,
  readPids,
  removeGroup,
  tryWrite,
  whyNotUsable,
  write,
  type CgroupMount,
} from './cgroup-files.js';
import { cpuMsOfAccount, workingSetBytes } from '../usage/usage-files.js';
import type { CgroupOfLaunch, Cgroups, Limits } from './cgroups.js';
import { CFS_PERIOD_US, cpuQuotaUs, memoryBytes } from './limits.js';

/** One hierarchy a controller: `freezer` finds and stops processes, `memory` and `cpu` limit them, `cpuacct` counts. */
const WANTED = ['freezer', 'memory', 'cpu', 'cpuacct'] as const;
type Controller = (typeof WANTED)[number];

export function detectVersion1(
  mounts: readonly CgroupMount[],
  own: ReadonlyMap<string, string>,
  name: string,
  parent: string | undefined,
): Cgroups | { readonly why: string } {
  const parents = new Map<Controller, string>();
  const missing: string[] = [];
  for (const controller of WANTED) {
    const mount = mounts.find(({ version, options }) => version === 1 && options.includes(controller));
    const path = parent ?? own.get(controller);
    if (mount === undefined || path === undefined) {
      missing.push(`no v1 hierarchy of ${controller}`);
      continue;
    }
    const folder = join(folderIn(mount, path), 'orrery', name);
    const why = whyNotUsable(folder);
    if (why === undefined) parents.set(controller, folder);
    else missing.push(why);
  }
  if (parents.size === 0) return { why: missing.join('; ') };
  return {
    version: 1,
    limits: { cpu: parents.has('cpu'), memory: parents.has('memory') },
    create: (launch, limits) => create(parents, launch, limits),
    reopen: (folders) => groupOf(folders),
    close: () => [...parents.values()].forEach(removeGroup),
  };
}

function create(parents: ReadonlyMap<Controller, string>, launch: string, limits: Limits): CgroupOfLaunch {
  const folders: string[] = [];
  for (const [controller, parent] of parents) {
    const folder = join(parent, launch);
    mkdirSync(folder, { recursive: true });
    // Two controllers may share a hierarchy.
    if (!folders.includes(folder)) folders.push(folder);
    if (controller === 'memory' && limits.memoryMib > 0) limitMemory(folder, memoryBytes(limits));
    if (controller === 'cpu' && limits.cpusMilli > 0) limitCpu(folder, limits);
  }
  return groupOf(folders);
}

function limitMemory(folder: string, bytes: number): void {
  write(folder, 'memory.limit_in_bytes', bytes);
  // Only where swap is accounted: without it a task over its limit would swap instead of being stopped.
  tryWrite(folder, 'memory.memsw.limit_in_bytes', bytes);
}

function limitCpu(folder: string, { cpusMilli, cpuLimit }: Limits): void {
  write(folder, 'cpu.shares', Math.max(2, Math.round((cpusMilli * 1024) / 1000)));
  if (cpuLimit === 'weight') return;
  write(folder, 'cpu.cfs_period_us', CFS_PERIOD_US);
  write(folder, 'cpu.cfs_quota_us', cpuQuotaUs(cpusMilli));
}

function groupOf(folders: readonly string[]): CgroupOfLaunch {
  const memory = folders.find((folder) => hasFile(folder, 'memory.oom_control'));
  const freezer = folders.find((folder) => hasFile(folder, 'freezer.state'));
  const account = folders.find((folder) => hasFile(folder, 'cpuacct.usage'));
  const processes = () => [...new Set(folders.flatMap(readPids))];
  return {
    folders,
    procsFiles: folders.map((folder) => join(folder, 'cgroup.procs')),
    oomCounter: memory === undefined ? undefined : join(memory, 'memory.oom_control'),
    processes,
    usage: () => {
      const read = (folder: string | undefined, file: string) =>
        folder === undefined ? '' : readOrEmpty(folder, file);
      const cpuMs = cpuMsOfAccount(read(account, 'cpuacct.usage'));
      const memoryBytes = workingSetBytes(read(memory, 'memory.usage_in_bytes'), read(memory, 'memory.stat'));
      return { ...(cpuMs !== undefined && { cpuMs }), ...(memoryBytes !== undefined && { memoryBytes }) };
    },
    kill: () => {
      if (freezer !== undefined) tryWrite(freezer, 'freezer.state', 'FROZEN');
      killPids(processes());
      if (freezer !== undefined) tryWrite(freezer, 'freezer.state', 'THAWED');
    },
    remove: () => folders.map(removeGroup).every(Boolean),
  };
}

function hasFile(folder: string, file: string): boolean {
  try {
    readFileSync(join(folder, file));
    return true;
  } catch {
    return false; // another controller's group, or gone: told by the result
  }
}
