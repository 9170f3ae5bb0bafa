import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseMounts, parseOwn } from './cgroup-files.js';
import { detectVersion1 } from './cgroups-v1.js';
import { detectVersion2 } from './cgroups-v2.js';
import type { CgroupsFound } from './cgroups.js';

/**
 * Tries what is mounted here, version 1 first since mixed systems keep their controllers there. `parent` is a path below each
 * hierarchy; without it, groups are made below the agent's own, whose limits then go on to hold.
 */
export function detectCgroups(name: string, parent?: string, root = '/proc/self'): CgroupsFound {
  if (!existsSync(join(root, 'mountinfo'))) return { cgroups: undefined, why: 'this system has no cgroups' };
  const mounts = parseMounts(readFileSync(join(root, 'mountinfo'), 'utf8'));
  const own = parseOwn(readFileSync(join(root, 'cgroup'), 'utf8'));
  if (mounts.length === 0) return { cgroups: undefined, why: 'no cgroup hierarchy is mounted' };
  const first = detectVersion1(mounts, own, name, parent);
  if ('version' in first) return { cgroups: first };
  const second = detectVersion2(mounts, own, name, parent);
  if ('version' in second) return { cgroups: second };
  return { cgroups: undefined, why: [first.why, second.why].join('; ') };
}
