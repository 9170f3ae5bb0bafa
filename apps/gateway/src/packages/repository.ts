import type { PackageFiles } from '@orrery/catalog';

/** Where packages come from. */
export interface Repository {
  /** Every version of every package in it. Throws a Problem when it can't be read. */
  packages(): Promise<readonly PackageEntry[]>;
}

export interface PackageEntry {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly files: () => Promise<PackageFiles>;
}

/** What is told of a package that is not looked into. */
export function entryOf(manifest: unknown, files: PackageEntry['files']): PackageEntry | undefined {
  const { name, version, description, tags } = (manifest ?? {}) as Partial<Record<keyof PackageEntry, unknown>>;
  if (typeof name !== 'string' || typeof version !== 'string') return undefined;
  const words = Array.isArray(tags) ? tags.filter((tag) => typeof tag === 'string') : [];
  return { name, version, description: typeof description === 'string' ? description : '', tags: words, files };
}

/** Of one file, and of all files of a package together. */
export const PACKAGE_BYTES_MAX = 1024 * 1024;
