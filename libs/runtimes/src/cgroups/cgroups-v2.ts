import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
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
import { cpuMsOfStat, workingSetBytes } from '../usage/usage-files.js';
import type { CgroupOfLaunch, Cgroups, Limits } from './cgroups.js';
import { CFS_PERIOD_US, cpuQuotaUs, cpuWeight, memoryBytes } from './limits.js';

/**
 * One hierarchy for all controllers. A group with processes of its own can't hand controllers down, so limits need a parent
 * without any: a delegated group, or the root of the machine. Finding and killing processes works below any.
 */
export function detectVersion2(
  mounts: readonly CgroupMount[],
  own: ReadonlyMap<string, string>,
  name: string,
  parent: string | undefined,
): Cgroups | { readonly why: string } {
  const mount = mounts.find(({ version }) => version === 2);
  const path = parent ?? own.get('');
  if (mount === undefined || path === undefined) return { why: 'no v2 hierarchy' };
  const top = folderIn(mount, path);
  const folder = join(top, 'orrery', name);
  const why = whyNotUsable(folder);
  if (why !== undefined) return { why };
  for (const level of [top, dirname(folder), folder]) {
    for (const controller of ['cpu', 'memory']) tryWrite(level, 'cgroup.subtree_control', `+${controller}`);
  }
  const handedDown = readFileSync(join(folder, 'cgroup.subtree_control'), 'latin1').trim().split(' ');
  const limits = { cpu: handedDown.includes('cpu'), memory: handedDown.includes('memory') };
  return {
    version: 2,
    limits,
    create: (launch, wanted) => create(folder, launch, wanted, limits),
    reopen: ([group = '']) => groupOf(group),
    close: () => void removeGroup(folder),
  };
}

function create(parent: string, launch: string, wanted: Limits, can: Cgroups['limits']): CgroupOfLaunch {
  const folder = join(parent, launch);
  mkdirSync(folder, { recursive: true });
  if (can.memory && wanted.memoryMib > 0) {
    write(folder, 'memory.max', memoryBytes(wanted));
    tryWrite(folder, 'memory.swap.max', 0);
  }
  if (can.cpu && wanted.cpusMilli > 0) {
    write(folder, 'cpu.weight', cpuWeight(wanted.cpusMilli));
    if (wanted.cpuLimit === 'quota') write(folder, 'cpu.max', `${cpuQuotaUs(wanted.cpusMilli)} ${CFS_PERIOD_US}`);
  }
  return groupOf(folder);
}

function groupOf(folder: string): CgroupOfLaunch {
  return {
    folders: [folder],
    procsFiles: [join(folder, 'cgroup.procs')],
    oomCounter: countsOom(folder) ? join(folder, 'memory.events') : undefined,
    processes: () => readPids(folder),
    usage: () => {
      const cpuMs = cpuMsOfStat(readOrEmpty(folder, 'cpu.stat'));
      const memoryBytes = workingSetBytes(readOrEmpty(folder, 'memory.current'), readOrEmpty(folder, 'memory.stat'));
      return { ...(cpuMs !== undefined && { cpuMs }), ...(memoryBytes !== undefined && { memoryBytes }) };
    },
    kill: () => {
      // Kernels before 5.14 have no cgroup.kill.
      if (tryWrite(folder, 'cgroup.kill', 1)) return;
      tryWrite(folder, 'cgroup.freeze', 1);
      killPids(readPids(folder));
      tryWrite(folder, 'cgroup.freeze', 0);
    },
    remove: () => removeGroup(folder),
  };
}

function countsOom(folder: string): boolean {
  try {
    return readFileSync(join(folder, 'memory.events'), 'latin1').includes('oom_kill');
  } catch {
    return false; // no memory controller here: told by the result
  }
}
