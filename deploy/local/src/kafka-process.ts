import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { classPath, type JarSet } from './artifacts.js';
import { classArchive } from './class-archive.js';
import { readTextIfThere } from './files.js';
import { compilerFlags } from './jvm-flags.js';
import { loopback } from './ports.js';
import type { ProcessSpec } from './supervisor.js';
import { renderTemplate } from './templates.js';

const run = promisify(execFile);

export const kafkaJars: JarSet = {
  name: 'kafka-4.1.1',
  artifacts: [
    { groupId: 'org.apache.kafka', artifactId: 'kafka_2.13', version: '4.1.1' },
    { groupId: 'org.apache.logging.log4j', artifactId: 'log4j-slf4j-impl', version: '2.25.1' },
  ],
};

export interface KafkaProcessOptions {
  readonly javaHome: string;
  readonly jarFolder: string;
  /** Configuration and data of this node. */
  readonly folder: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly heapMib: number;
  /** Journals are never deleted, so this is for tests only. */
  readonly deletableTopics: boolean;
}

/** Kafka as a child process: one node, broker and KRaft controller at once. */
export function kafkaProcess(options: KafkaProcessOptions): ProcessSpec {
  const { folder, javaHome, jarFolder } = options;
  const java = join(javaHome, 'bin', 'java');
  const config = join(folder, 'server.properties');
  const logConfig = join(folder, 'log4j2.properties');
  const jvm = (archive: readonly string[]) => [
    ...archive,
    `-Dlog4j2.configurationFile=${logConfig}`,
    '-cp',
    classPath(jarFolder),
  ];
  return {
    name: 'kafka',
    stage: 0,
    stopGraceMs: 30_000,
    command: async () => {
      writeConfig(options, config, logConfig);
      if (kafkaClusterId(folder) === undefined) {
        const clusterId = randomBytes(16).toString('base64url');
        const format = ['kafka.tools.StorageTool', 'format', '-t', clusterId, '-c', config];
        await run(java, ['-XX:TieredStopAtLevel=1', ...jvm([]), ...format], { maxBuffer: 16 * 1024 * 1024 });
      }
      const archive = classArchive(jarFolder, javaHome, folder);
      const heap = [
        `-Xmx${options.heapMib}m`,
        `-Xms${options.heapMib / 2}m`,
        '-XX:+UseG1GC',
        '-XX:MaxGCPauseMillis=20',
        ...compilerFlags(),
      ];
      return {
        file: java,
        args: [...heap, '-XX:+ExitOnOutOfMemoryError', ...jvm(archive.flags), 'kafka.Kafka', config],
        cwd: folder,
        ended: archive.keep,
      };
    },
  };
}

/** The id that this folder's cluster was given, once it was formatted. */
export function kafkaClusterId(folder: string): string | undefined {
  return /^cluster\.id=(.+)$/m.exec(readTextIfThere(join(folder, 'data', 'meta.properties')) ?? '')?.[1];
}

function writeConfig(options: KafkaProcessOptions, config: string, logConfig: string): void {
  const { folder, port, controllerPort, deletableTopics } = options;
  mkdirSync(join(folder, 'data'), { recursive: true });
  renderTemplate('kafka-log4j2.properties', logConfig);
  renderTemplate('server.properties', config, {
    host: loopback,
    listenHost: loopback,
    port,
    controllerPort,
    deletableTopics,
    dataFolder: join(folder, 'data'),
  });
}
