import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { classPath, type JarSet } from './artifacts.js';
import { classArchive } from './class-archive.js';
import { readTextIfThere, writeWhole } from './files.js';
import { compilerFlags } from './jvm-flags.js';
import { loopback } from './ports.js';
import type { ProcessSpec } from './supervisor.js';
import { renderTemplate } from './templates.js';

export const cassandraJars: JarSet = {
  name: 'cassandra-5.0.6',
  artifacts: [{ groupId: 'org.apache.cassandra', artifactId: 'cassandra-all', version: '5.0.6' }],
};

export interface CassandraProcessOptions {
  readonly javaHome: string;
  readonly jarFolder: string;
  /** Configuration and data of this node. */
  readonly folder: string;
  readonly port: number;
  readonly storagePort: number;
  readonly heapMib: number;
}

/** Cassandra as a child process: one node that owns the whole ring. */
export function cassandraProcess(options: CassandraProcessOptions): ProcessSpec {
  const { folder, javaHome, jarFolder, heapMib } = options;
  const jvmOptions = join(folder, 'jvm.options');
  return {
    name: 'cassandra',
    stage: 0,
    stopGraceMs: 30_000,
    // Decisions need Kafka alone: a backlog of history must not keep a fail-over waiting.
    behindAfterMs: 10_000,
    command: () => {
      writeConfig(options, jvmOptions);
      const archive = classArchive(jarFolder, javaHome, folder);
      return {
        file: join(javaHome, 'bin', 'java'),
        args: [
          ...[`-Xmx${heapMib}m`, `-Xms${heapMib / 2}m`, '-XX:+UseG1GC', '-XX:MaxDirectMemorySize=256m'],
          ...compilerFlags(),
          ...['-XX:+ExitOnOutOfMemoryError', ...archive.flags, `@${jvmOptions}`, '-cp', classPath(jarFolder)],
          'org.apache.cassandra.service.CassandraDaemon',
        ],
        cwd: folder,
        ended: archive.keep,
      };
    },
  };
}

function writeConfig({ folder, port, storagePort }: CassandraProcessOptions, jvmOptions: string): void {
  const dataFolder = join(folder, 'data');
  const configFile = join(folder, 'cassandra.yaml');
  const logConfigFile = join(folder, 'logback.xml');
  mkdirSync(dataFolder, { recursive: true });
  renderTemplate('cassandra-logback.xml', logConfigFile);
  renderTemplate('cassandra-jvm.options', jvmOptions, { dataFolder, configFile, logConfigFile });
  renderTemplate('cassandra.yaml', configFile, {
    host: loopback,
    listenHost: loopback,
    port,
    storagePort,
    dataFolder,
    clusterName: cassandraClusterName(folder),
  });
}

/** Every cluster has a name of its own, so that nobody takes another one for it. */
export function cassandraClusterName(folder: string): string {
  const file = join(folder, 'cluster-name');
  const before = readTextIfThere(file);
  if (before !== undefined) return before;
  const name = `orrery-${randomBytes(6).toString('hex')}`;
  writeWhole(file, name);
  return name;
}
