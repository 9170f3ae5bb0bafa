import { filledFile } from '@orrery/catalog';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeWhole } from './files.js';
import { planePackage } from './plane-package.js';
import { loopback } from './ports.js';

/** The version of the package that the plane's own broker is of. */
const VERSION = '4.1.1';
const own = planePackage('kafka', VERSION);

export const kafkaJars = own.jars;

/** Of the plane's own broker, what is not as the package has it. */
export interface OwnBroker {
  readonly listenHost: string;
  readonly port: number;
  readonly controllerPort: number;
  readonly dataFolder: string;
  /** Journals are never deleted, so this is for tests only. */
  readonly deletableTopics: boolean;
}

export function writeLogSettings(file: string): void {
  writeWhole(file, own.file('log4j2.properties'));
}

/** server.properties of the package, for one node that is broker and controller at once. */
export function writeBrokerSettings(file: string, broker: OwnBroker): void {
  const { listenHost, port, controllerPort } = broker;
  const kafka = {
    'process.roles': 'broker,controller',
    'controller.quorum.voters': `1@${loopback}:${controllerPort}`,
    listeners: `BROKER://${listenHost}:${port},CONTROLLER://${loopback}:${controllerPort}`,
    'log.dirs': broker.dataFolder,
    'delete.topic.enable': broker.deletableTopics,
    // The ownership hint: a lost owner is noticed within a second.
    'group.min.session.timeout.ms': 500,
    // One machine: no replicas, few internal partitions.
    'default.replication.factor': 1,
    'min.insync.replicas': 1,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'share.coordinator.state.topic.num.partitions': 1,
  };
  const agent = {
    ORRERY_POD_INDEX: '1',
    ORRERY_ZONE: 'local',
    ORRERY_ADDRESS: loopback,
    PORT_BROKER: String(port),
  };
  writeWhole(file, filledFile(own.file('server.properties'), { options: { kafka }, agent }));
}

/** What `kafka-storage format` would write, unless it is there. */
export function formatOnce(dataFolder: string, clusterId: () => string): void {
  const meta = join(dataFolder, 'meta.properties');
  if (existsSync(meta)) return;
  mkdirSync(dataFolder, { recursive: true });
  const bootstrap = Buffer.from(own.file(join(VERSION, 'bootstrap.base64')), 'base64');
  writeWhole(join(dataFolder, 'bootstrap.checkpoint'), bootstrap);
  writeWhole(meta, `version=1\ncluster.id=${clusterId()}\nnode.id=1\n`);
}
