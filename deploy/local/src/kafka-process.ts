import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { classPath } from './artifacts.js';
import { classArchive } from './class-archive.js';
import { readTextIfThere } from './files.js';
import { compilerFlags } from './jvm-flags.js';
import { formatOnce, writeBrokerSettings, writeLogSettings } from './kafka-package.js';
import { loopback } from './ports.js';
import type { ProcessSpec } from './supervisor.js';

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
  return {
    name: 'kafka',
    stage: 0,
    stopGraceMs: 30_000,
    command: () => {
      const dataFolder = join(folder, 'data');
      writeLogSettings(logConfig);
      writeBrokerSettings(config, { ...options, listenHost: loopback, dataFolder });
      formatOnce(dataFolder, () => randomBytes(16).toString('base64url'));
      const archive = classArchive(jarFolder, javaHome, folder);
      const program = [`-Dlog4j2.configurationFile=${logConfig}`, '-cp', classPath(jarFolder)];
      const heap = [
        `-Xmx${options.heapMib}m`,
        `-Xms${options.heapMib / 2}m`,
        '-XX:+UseG1GC',
        '-XX:MaxGCPauseMillis=20',
        ...compilerFlags(),
      ];
      return {
        file: java,
        args: [...heap, '-XX:+ExitOnOutOfMemoryError', ...archive.flags, ...program, 'kafka.Kafka', config],
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
