import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { GenericContainer, Wait, type StartedTestContainer } from 'testcontainers';
import type { InfrastructureProvider, InfrastructureSurroundings, Served } from './infrastructure.js';
import { loopback } from './ports.js';
import { cassandraReady, kafkaReady } from './readiness.js';

const KAFKA_IMAGE = 'apache/kafka:4.1.1';
const CASSANDRA_IMAGE = 'cassandra:5.0.6';
const READY_WITHIN_MS = 180_000;

/** Kafka and Cassandra as containers of the official images; their data is in ORRERY_HOME all the same. */
export function containerInfrastructure({
  settings,
  ports,
  progress,
  signal,
  deletableTopics,
}: InfrastructureSurroundings): InfrastructureProvider {
  return {
    kafka: async () => {
      const port = await ports.choose(9092);
      const container = await progress.during(`starting a container of ${KAFKA_IMAGE}`, () =>
        kafkaContainer(port, dataFolder(settings.home, 'kafka'), deletableTopics).start(),
      );
      const served = servedBy(container, port);
      await kafkaReady(served.addresses, { withinMs: READY_WITHIN_MS, signal });
      return served;
    },
    cassandra: async () => {
      const port = await ports.choose(9042);
      const container = await progress.during(`starting a container of ${CASSANDRA_IMAGE}`, () =>
        cassandraContainer(port, settings.datacenter, dataFolder(settings.home, 'cassandra')).start(),
      );
      const served = servedBy(container, port);
      await cassandraReady(served.addresses, settings.datacenter, { withinMs: READY_WITHIN_MS, signal });
      return served;
    },
  };
}

function kafkaContainer(port: number, data: string, deletableTopics: boolean): GenericContainer {
  return new GenericContainer(KAFKA_IMAGE)
    .withExposedPorts({ container: port, host: port })
    .withUser('0')
    .withBindMounts([{ source: data, target: '/data' }])
    .withEnvironment({
      KAFKA_PROCESS_ROLES: 'broker,controller',
      KAFKA_NODE_ID: '1',
      KAFKA_CONTROLLER_QUORUM_VOTERS: '1@localhost:29093',
      KAFKA_LISTENERS: `PLAINTEXT://0.0.0.0:${port},CONTROLLER://localhost:29093`,
      KAFKA_ADVERTISED_LISTENERS: `PLAINTEXT://${loopback}:${port}`,
      KAFKA_CONTROLLER_LISTENER_NAMES: 'CONTROLLER',
      KAFKA_LISTENER_SECURITY_PROTOCOL_MAP: 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT',
      KAFKA_LOG_DIRS: '/data',
      KAFKA_AUTO_CREATE_TOPICS_ENABLE: 'false',
      KAFKA_DELETE_TOPIC_ENABLE: String(deletableTopics),
      KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS: '0',
      KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS: '500',
      KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR: '1',
      KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS: '4',
      KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR: '1',
      KAFKA_TRANSACTION_STATE_LOG_MIN_ISR: '1',
    })
    .withWaitStrategy(Wait.forLogMessage(/Kafka Server started/))
    .withStartupTimeout(READY_WITHIN_MS);
}

function cassandraContainer(port: number, datacenter: string, data: string): GenericContainer {
  return new GenericContainer(CASSANDRA_IMAGE)
    .withExposedPorts({ container: 9042, host: port })
    .withBindMounts([{ source: data, target: '/var/lib/cassandra' }])
    .withEnvironment({
      CASSANDRA_CLUSTER_NAME: 'orrery-local',
      CASSANDRA_DC: datacenter,
      CASSANDRA_ENDPOINT_SNITCH: 'GossipingPropertyFileSnitch',
      CASSANDRA_NUM_TOKENS: '1',
      MAX_HEAP_SIZE: '768M',
      HEAP_NEWSIZE: '192M',
      JVM_EXTRA_OPTS: '-Dcassandra.skip_wait_for_gossip_to_settle=0 -Dcassandra.ring_delay_ms=100',
    })
    .withWaitStrategy(Wait.forLogMessage(/Starting listening for CQL clients/))
    .withStartupTimeout(READY_WITHIN_MS);
}

function dataFolder(home: string, name: string): string {
  const folder = join(home, `${name}-container`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

function servedBy(container: StartedTestContainer, port: number): Served {
  return { addresses: [`${loopback}:${port}`], stop: async () => void (await container.stop({ timeout: 30_000 })) };
}
