import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Progress } from './progress.js';

export interface MavenArtifact {
  readonly groupId: string;
  readonly artifactId: string;
  readonly version: string;
}

/** A set of jars with everything they depend on, named as its folder in the cache. */
export interface JarSet {
  readonly name: string;
  readonly artifacts: readonly MavenArtifact[];
}

/** The folder of a jar set, fetched once for all checkouts: a folder appears by rename, so it is whole or not there. */
export async function jarFolder(
  set: JarSet,
  { cache, progress, signal }: { readonly cache: string; readonly progress: Progress; readonly signal: AbortSignal },
): Promise<string> {
  const folder = join(cache, set.name);
  if (existsSync(join(folder, 'jars'))) return folder;
  mkdirSync(cache, { recursive: true });
  const partial = mkdtempSync(join(cache, `${set.name}.partial-`));
  try {
    await progress.during(`fetching ${set.name} with Maven`, () => fetchJars(set, partial, signal));
    renameIfFirst(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return folder;
}

/** A sorted class path: the class archive of a JVM is only good for the very same one. */
export function classPath(folder: string): string {
  const jars = readdirSync(join(folder, 'jars')).filter((name) => name.endsWith('.jar'));
  return jars
    .sort()
    .map((name) => join(folder, 'jars', name))
    .join(':');
}

async function fetchJars(set: JarSet, folder: string, signal: AbortSignal): Promise<void> {
  // Most starts fetch nothing, and need not load what runs tasks.
  const { copyMavenClosure } = await import('@orrery/runtimes');
  const coordinates = set.artifacts.map(({ groupId, artifactId, version }) => `${groupId}:${artifactId}:${version}`);
  try {
    await copyMavenClosure(coordinates, folder, join(folder, 'jars'), signal);
  } catch (error) {
    signal.throwIfAborted();
    throw new Error(
      `${(error as Error).message}: check that it reaches its repository (~/.m2/settings.xml), or set ORRERY_KAFKA and ORRERY_CASSANDRA`,
      { cause: error },
    );
  }
}

function renameIfFirst(partial: string, folder: string): void {
  try {
    renameSync(partial, folder);
  } catch (error) {
    // Another checkout was first: its folder is as good.
    if (!existsSync(join(folder, 'jars'))) throw error;
  }
}
