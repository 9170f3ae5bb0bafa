import type { Refusal } from '@orrery/kernel';
import type { PackageDefinition } from './package-definition.js';

/** By their parts, numbers as numbers: 4.10.0 comes after 4.9.1, 1.0.0-rc1 before 1.0.0. */
export function compareVersions(left: string, right: string): number {
  const [a, b] = [partsOf(left), partsOf(right)];
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const difference = comparePart(a[at], b[at]);
    if (difference !== 0) return difference;
  }
  return 0;
}

/**
 * Why an installed version may not become another one; nothing when it may. `installed` is the definition of the installed
 * version where a repository still has it: it says what may follow it.
 */
export function refusalOfMove(
  from: string,
  to: PackageDefinition,
  installed: PackageDefinition | undefined,
): Refusal | undefined {
  const { name, version, upgradesFrom = [] } = to.manifest;
  if (version === from) return undefined;
  const names = (list: readonly string[], wanted: string) => list.includes(wanted) || list.includes('*');
  const downgradesTo = installed?.manifest.downgradesTo ?? [];
  const allowed = compareVersions(from, version) < 0 ? names(upgradesFrom, from) : names(downgradesTo, version);
  if (allowed) return undefined;
  const message = `there is no way from ${name} ${from} to ${version}`;
  const remedy = `${version} can follow: ${upgradesFrom.join(', ') || 'none'}; ${from} can become: ${downgradesTo.join(', ') || 'none older'}`;
  return { code: 'no-upgrade-path', message, field: '/version', remedy };
}

function partsOf(version: string): string[] {
  return version.split(/[.+-]/);
}

function comparePart(left: string | undefined, right: string | undefined): number {
  // What has a word more is before the release: 1.0.0-rc1 < 1.0.0; a number more is behind: 1.0 < 1.0.1.
  if (left === undefined) return isNumber(right!) ? -1 : 1;
  if (right === undefined) return isNumber(left) ? 1 : -1;
  if (isNumber(left) && isNumber(right)) return Number(left) - Number(right);
  return left < right ? -1 : left > right ? 1 : 0;
}

function isNumber(part: string): boolean {
  return /^\d+$/.test(part);
}
