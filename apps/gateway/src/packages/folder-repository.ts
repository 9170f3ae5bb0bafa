import type { PackageFiles } from '@orrery/catalog';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '../problem.js';
import { entryOf, PACKAGE_BYTES_MAX, type PackageEntry, type Repository } from './repository.js';

/**
 * A folder with one folder a package, and in that either its files or one folder a version. A file that a version lacks is
 * that of the package: versions that differ in their assets share the rest.
 */
export class FolderRepository implements Repository {
  constructor(private readonly folder: string) {}

  async packages(): Promise<readonly PackageEntry[]> {
    const names = await foldersIn(this.folder).catch((error: NodeJS.ErrnoException) => {
      const remedy = 'orrery repo remove takes it off the list';
      throw Problem.of('repository-away', `the repository ${this.folder} can't be read: ${error.code}`, { remedy });
    });
    const found = await Promise.all(names.map((name) => versionsIn(join(this.folder, name))));
    return found.flat();
  }
}

async function versionsIn(folder: string): Promise<PackageEntry[]> {
  const versions = await foldersIn(folder);
  const ways = versions.length === 0 ? [[folder]] : versions.map((version) => [folder, join(folder, version)]);
  const entries = await Promise.all(ways.map(entryIn));
  return entries.filter((entry) => entry !== undefined);
}

async function entryIn(folders: readonly string[]): Promise<PackageEntry | undefined> {
  const text = await readFile(join(folders.at(-1)!, 'package.json'), 'utf8').catch(() => '{}');
  return entryOf(parsed(text), () => textsIn(folders));
}

/** What is no JSON is no package: it is not found, rather than hiding all others. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function textsIn(folders: readonly string[]): Promise<PackageFiles> {
  const texts: Record<string, string> = {};
  let bytes = 0;
  for (const folder of folders) {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = join(folder, entry.name);
      bytes += (await stat(file)).size;
      if (bytes > PACKAGE_BYTES_MAX)
        throw Problem.of('broken-package', `the files of ${folder} are more than ${PACKAGE_BYTES_MAX} bytes`);
      texts[entry.name] = await readFile(file, 'utf8');
    }
  }
  return texts;
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
}
