import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { classPath } from './artifacts.js';
import { aloneFlags, writeJvmOptions, writeLogSettings, writeNodeSettings } from './cassandra-package.js';
import { classArchive } from './class-archive.js';
import { readTextIfThere, writeWhole } from './files.js';
import { compilerFlags } from './jvm-flags.js';
import { loopback } from './ports.js';
import type { ProcessSpec } from './supervisor.js';

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
  const config = join(folder, 'cassandra.yaml');
  const logConfig = join(folder, 'logback.xml');
  const dataFolder = join(folder, 'data');
  return {
    name: 'cassandra',
    stage: 0,
    stopGraceMs: 30_000,
    // Decisions need Kafka alone: a backlog of history must not keep a fail-over waiting.
    behindAfterMs: 10_000,
    command: () => {
      mkdirSync(dataFolder, { recursive: true });
      writeJvmOptions(jvmOptions);
      writeLogSettings(logConfig);
      const clusterName = cassandraClusterName(folder);
      writeNodeSettings(config, { ...options, clusterName, listenHost: loopback, dataFolder });
      const archive = classArchive(jarFolder, javaHome, folder);
      return {
        file: join(javaHome, 'bin', 'java'),
        args: [
          ...[`-Xmx${heapMib}m`, `-Xms${heapMib / 2}m`, '-XX:+UseG1GC', '-XX:MaxDirectMemorySize=256m'],
          ...compilerFlags(),
          ...archive.flags,
          ...[`@${jvmOptions}`, ...aloneFlags],
          ...[`-Dcassandra.config=file:${config}`, `-Dlogback.configurationFile=${logConfig}`],
          ...[`-Dcassandra.storagedir=${dataFolder}`, `-Dcassandra.logdir=${dataFolder}`],
          ...['-cp', classPath(jarFolder)],
          'org.apache.cassandra.service.CassandraDaemon',
        ],
        cwd: folder,
        ended: archive.keep,
      };
    },
  };
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
