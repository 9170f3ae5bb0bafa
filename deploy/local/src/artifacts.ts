import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Progress } from './progress.js';

const run = promisify(execFile);

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
  const pom = join(folder, 'pom.xml');
  writeFileSync(pom, pomOf(set));
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${join(folder, 'jars')}`];
  try {
    await run('mvn', ['-q', '-B', '-f', pom, ...goal], { timeout: 600_000, signal, maxBuffer: 16 * 1024 * 1024 });
  } catch (error) {
    signal.throwIfAborted();
    const said = String((error as { stdout?: string }).stdout ?? '').trim() || String(error);
    const line = said.split('\n').find((text) => text.includes('ERROR')) ?? said;
    throw new Error(
      `Maven could not fetch ${set.name} (${line.slice(0, 300)}): check that it reaches its repository (~/.m2/settings.xml), or set ORRERY_KAFKA and ORRERY_CASSANDRA`,
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

function pomOf(set: JarSet): string {
  const dependencies = set.artifacts.map(
    ({ groupId, artifactId, version }) =>
      `<dependency><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId><version>${version}</version></dependency>`,
  );
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>orrery</groupId><artifactId>${set.name}</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`;
}
