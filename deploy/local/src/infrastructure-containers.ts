import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { aloneFlags, writeNodeSettings } from './cassandra-package.js';
import { cassandraClusterName } from './cassandra-process.js';
import { pullImage, type KeptContainer } from './container-keeper.js';
import { readTextIfThere, writeWhole } from './files.js';
import type { InfrastructureProvider, InfrastructureSurroundings, Served } from './infrastructure.js';
import { writeBrokerSettings } from './kafka-package.js';
import { loopback } from './ports.js';
import { expecting, kafkaReady, cassandraReady, type Waiting } from './readiness.js';
import { checkout } from './settings.js';
import type { ProcessSpec } from './supervisor.js';

const KAFKA_IMAGE = 'apache/kafka:4.1.1';
const CASSANDRA_IMAGE = 'cassandra:5.0.6';
const READY_WITHIN_MS = 240_000;
const STOP_GRACE_MS = 30_000;
/** Of a broker's controller and of a node's gossip: nobody outside their containers needs them. */
const KAFKA_CONTROLLER_PORT = 29_093;
const CASSANDRA_STORAGE_PORT = 7000;

/**
 * Kafka and Cassandra as containers of the official images, with the same settings as the child processes, and with
 * their data in ORRERY_HOME all the same. Each container has a keeper, which is the child process that is supervised.
 */
export function containerInfrastructure(surroundings: InfrastructureSurroundings): InfrastructureProvider {
  const { settings, supervisor, ports, remembered, progress, signal, deletableTopics } = surroundings;
  const home = settings.home;
  const waiting = { withinMs: READY_WITHIN_MS, signal, stillWorthIt: () => supervisor.assertStarting() };
  const choose = async (name: 'kafka' | 'cassandra', preferred: number) => {
    const port = await ports.choose(remembered.get(name) ?? preferred);
    remembered.put(name, port);
    return port;
  };
  const serve = async (
    { name, image, port }: Pick<KeptContainer, 'name' | 'image' | 'port'>,
    container: () => KeptContainer,
    ready: (addresses: readonly string[], waiting: Waiting) => Promise<void>,
    cluster: string,
  ): Promise<Served> => {
    await progress.during(`image ${image}`, () => pullImage(image));
    await supervisor.start(keeper(name, container));
    const addresses = [`${loopback}:${port}`];
    await progress.during(`container of ${image} at ${addresses[0]}`, () =>
      ready(addresses, { ...waiting, whoAnswers: expecting(() => cluster, addresses) }),
    );
    return { addresses, stop: async () => undefined };
  };
  return {
    kafka: async () => {
      const of = { name: 'kafka', image: KAFKA_IMAGE, home, port: await choose('kafka', 9092) };
      const folder = join(home, 'kafka-container');
      const cluster = kafkaClusterId(folder);
      return serve(of, () => kafkaContainer(of, folder, cluster, deletableTopics), kafkaReady, cluster);
    },
    cassandra: async () => {
      const of = { name: 'cassandra', image: CASSANDRA_IMAGE, home, port: await choose('cassandra', 9042) };
      const folder = join(home, 'cassandra-container');
      mkdirSync(folder, { recursive: true });
      const cluster = cassandraClusterName(folder);
      const ready = (addresses: readonly string[], patience: Waiting) =>
        cassandraReady(addresses, settings.datacenter, patience);
      return serve(of, () => cassandraContainer(of, folder, cluster), ready, cluster);
    },
  };
}

type Identity = Pick<KeptContainer, 'name' | 'image' | 'home' | 'port'>;

/** The image takes server.properties from /mnt/shared/config, and formats an empty folder with CLUSTER_ID. */
function kafkaContainer(of: Identity, folder: string, clusterId: string, deletableTopics: boolean): KeptContainer {
  const config = join(folder, 'config');
  const data = join(folder, 'data');
  for (const made of [config, data]) mkdirSync(made, { recursive: true });
  writeBrokerSettings(join(config, 'server.properties'), {
    listenHost: '0.0.0.0',
    port: of.port,
    controllerPort: KAFKA_CONTROLLER_PORT,
    deletableTopics,
    dataFolder: '/data',
  });
  return {
    ...of,
    // The folder of the data belongs to whoever made the home.
    user: '0',
    environment: { CLUSTER_ID: clusterId, KAFKA_HEAP_OPTS: '-Xmx512m -Xms256m' },
    mounts: [
      { source: config, target: '/mnt/shared/config' },
      { source: data, target: '/data' },
    ],
  };
}

/** The image's start script writes these addresses into the cassandra.yaml that it finds. */
function cassandraContainer(of: Identity, folder: string, clusterName: string): KeptContainer {
  const data = join(folder, 'data');
  const config = join(folder, 'cassandra.yaml');
  mkdirSync(data, { recursive: true });
  writeNodeSettings(config, {
    listenHost: '0.0.0.0',
    port: of.port,
    storagePort: CASSANDRA_STORAGE_PORT,
    dataFolder: '/var/lib/cassandra',
    clusterName,
  });
  return {
    ...of,
    environment: {
      CASSANDRA_LISTEN_ADDRESS: loopback,
      CASSANDRA_SEEDS: `${loopback}:${CASSANDRA_STORAGE_PORT}`,
      MAX_HEAP_SIZE: '768M',
      HEAP_NEWSIZE: '192M',
      JVM_EXTRA_OPTS: aloneFlags.join(' '),
    },
    mounts: [
      { source: config, target: '/etc/cassandra/cassandra.yaml' },
      { source: data, target: '/var/lib/cassandra' },
    ],
  };
}

function keeper(name: string, container: () => KeptContainer): ProcessSpec {
  return {
    name,
    stage: 0,
    stopGraceMs: STOP_GRACE_MS,
    command: () => ({
      file: process.execPath,
      args: [join(checkout, 'deploy', 'local', 'dist', 'main.js'), 'container', JSON.stringify(container())],
    }),
  };
}

/** Every cluster has an id of its own, where all clusters of the image have the same. */
function kafkaClusterId(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const file = join(folder, 'cluster-id');
  const before = readTextIfThere(file);
  if (before !== undefined) return before;
  const id = randomBytes(16).toString('base64url');
  writeWhole(file, id);
  return id;
}
