import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

const TIMEOUT_MS = 10 * 60_000;
const SAID_BYTES_MAX = 16 * 1024 * 1024;

/**
 * Copies jars and all that they need at run time, as Maven resolves it: mirrors and proxies are those of the settings of
 * whoever runs this process. `coordinates`: group:artifact:version. Checksums that a repository gives must fit.
 */
export async function copyMavenClosure(
  coordinates: readonly string[],
  folder: string,
  jars: string,
  signal?: AbortSignal,
): Promise<void> {
  const pom = join(folder, 'pom.xml');
  writeFileSync(pom, pomOf(coordinates));
  const goal = ['dependency:copy-dependencies', '-DincludeScope=runtime', `-DoutputDirectory=${jars}`];
  try {
    const limits = { timeout: TIMEOUT_MS, maxBuffer: SAID_BYTES_MAX, ...(signal !== undefined && { signal }) };
    await run('mvn', ['-q', '-B', '--strict-checksums', '-f', pom, ...goal], limits);
  } catch (error) {
    signal?.throwIfAborted();
    const said = String((error as { stdout?: string }).stdout ?? '').trim() || (error as Error).message;
    const line = said.split('\n').find((text) => text.includes('ERROR')) ?? said;
    throw new Error(`Maven could not fetch ${coordinates.join(' ')} (${line.slice(0, 300)})`, { cause: error });
  }
}

function pomOf(coordinates: readonly string[]): string {
  const dependencies = coordinates.map((each) => {
    const [group, artifact, version] = each.split(':');
    return `<dependency><groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>orrery</groupId><artifactId>artifacts</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>${dependencies.join('')}</dependencies>
</project>
`;
}
