import { join } from 'node:path';
import { jarFolder } from './artifacts.js';
import { cassandraJars } from './cassandra-package.js';
import { cassandraClusterName, cassandraProcess } from './cassandra-process.js';
import type { InfrastructureProvider, InfrastructureSurroundings } from './infrastructure.js';
import { kafkaJars } from './kafka-package.js';
import { kafkaClusterId, kafkaProcess } from './kafka-process.js';
import { loopback, type Ports } from './ports.js';
import { cassandraReady, expecting, kafkaReady } from './readiness.js';
import type { RememberedPorts } from './remembered-ports.js';

const READY_WITHIN_MS = 240_000;
const KAFKA_HEAP_MIB = 512;
const CASSANDRA_HEAP_MIB = 768;

type PortName = 'kafka' | 'kafkaController' | 'cassandra' | 'cassandraStorage';
const preferred: Readonly<Record<PortName, number>> = {
  kafka: 9092,
  kafkaController: 9093,
  cassandra: 9042,
  cassandraStorage: 7000,
};

/** Kafka and Cassandra as supervised child processes from their Maven artifacts. */
export function embeddedInfrastructure(
  { settings, supervisor, ports, remembered, progress, signal, deletableTopics }: InfrastructureSurroundings,
  javaHome: string,
): InfrastructureProvider {
  const chosen = choosePorts(remembered, ports);
  const stop = async () => undefined;
  const waiting = { withinMs: READY_WITHIN_MS, signal, stillWorthIt: () => supervisor.assertStarting() };
  return {
    kafka: async () => {
      const jars = await jarFolder(kafkaJars, { cache: settings.cache, progress, signal });
      const { kafka: port, kafkaController: controllerPort } = await chosen;
      const folder = join(settings.home, 'kafka');
      const heapMib = KAFKA_HEAP_MIB;
      await supervisor.start(
        kafkaProcess({ javaHome, jarFolder: jars, folder, port, controllerPort, heapMib, deletableTopics }),
      );
      const addresses = [`${loopback}:${port}`];
      await progress.during(`Kafka 4.1.1 at ${addresses[0]}`, () =>
        kafkaReady(addresses, { ...waiting, whoAnswers: expecting(() => kafkaClusterId(folder), addresses) }),
      );
      return { addresses, stop };
    },
    cassandra: async () => {
      const jars = await jarFolder(cassandraJars, { cache: settings.cache, progress, signal });
      const { cassandra: port, cassandraStorage: storagePort } = await chosen;
      const folder = join(settings.home, 'cassandra');
      const heapMib = CASSANDRA_HEAP_MIB;
      await supervisor.start(cassandraProcess({ javaHome, jarFolder: jars, folder, port, storagePort, heapMib }));
      const addresses = [`${loopback}:${port}`];
      await progress.during(`Cassandra 5.0.6 at ${addresses[0]}`, () =>
        cassandraReady(addresses, settings.datacenter, {
          ...waiting,
          whoAnswers: expecting(() => cassandraClusterName(folder), addresses),
        }),
      );
      return { addresses, stop };
    },
  };
}

/** One after the other, so that none is chosen twice; what clients use keeps its port from start to start. */
async function choosePorts(remembered: RememberedPorts, ports: Ports): Promise<Readonly<Record<PortName, number>>> {
  const chosen = { ...preferred };
  for (const name of Object.keys(preferred) as PortName[]) {
    chosen[name] = await ports.choose(remembered.get(name) ?? preferred[name]);
    remembered.put(name, chosen[name]);
  }
  return chosen;
}
