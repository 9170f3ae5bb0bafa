import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Class data sharing (JEP 350): the first run of a JVM leaves an archive of its loaded classes when it ends, later
 * ones map it. Measured on two cores: Kafka 2.5 s → 1.6 s, Cassandra 4.9 s → 4.0 s. The JVM itself ignores an archive
 * that is not its own.
 */
export interface ClassArchive {
  readonly flags: readonly string[];
  /** Keeps the archive that a run left, if it served until it was told to end (JVMs answer SIGTERM with code 143). */
  readonly keep: (exitCode: number | null) => void;
}

export function classArchive(jarFolder: string, javaHome: string, runFolder: string): ClassArchive {
  const archive = join(jarFolder, `classes-${jvmTag(javaHome)}.jsa`);
  if (existsSync(archive)) {
    return {
      flags: [`-XX:SharedArchiveFile=${archive}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off'],
      keep: () => undefined,
    };
  }
  const dumped = join(runFolder, 'classes.jsa');
  rmSync(dumped, { force: true });
  return {
    flags: [`-XX:ArchiveClassesAtExit=${dumped}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off'],
    keep: (exitCode) => {
      if (exitCode !== 143 || !existsSync(dumped)) return;
      const partial = `${archive}.${process.pid}.partial`;
      copyFileSync(dumped, partial);
      renameSync(partial, archive);
      rmSync(dumped, { force: true });
    },
  };
}

function jvmTag(javaHome: string): string {
  const modules = statSync(join(javaHome, 'lib', 'modules'));
  return createHash('sha256').update(`${javaHome} ${modules.size} ${modules.mtimeMs}`).digest('hex').slice(0, 12);
}
