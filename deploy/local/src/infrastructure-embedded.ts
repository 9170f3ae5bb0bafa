import { join } from 'node:path';
import { jarFolder } from './artifacts.js';
import { cassandraJars, cassandraProcess } from './cassandra-process.js';
import { readJsonIfThere, writeWhole } from './files.js';
import type { InfrastructureProvider, InfrastructureSurroundings } from './infrastructure.js';
import { kafkaJars, kafkaProcess } from './kafka-process.js';
import { choosePort, loopback } from './ports.js';
import { cassandraReady, kafkaReady } from './readiness.js';

const READY_WITHIN_MS = 120_000;
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
  { settings, supervisor, progress, signal, deletableTopics }: InfrastructureSurroundings,
  javaHome: string,
): InfrastructureProvider {
  const ports = choosePorts(settings.home);
  const stop = async () => undefined;
  const waiting = { withinMs: READY_WITHIN_MS, signal, stillWorthIt: () => supervisor.assertStarting() };
  return {
    kafka: async () => {
      const jars = await jarFolder(kafkaJars, settings.cache, progress);
      const { kafka: port, kafkaController: controllerPort } = await ports;
      const folder = join(settings.home, 'kafka');
      const heapMib = KAFKA_HEAP_MIB;
      await supervisor.start(
        kafkaProcess({ javaHome, jarFolder: jars, folder, port, controllerPort, heapMib, deletableTopics }),
      );
      const addresses = [`${loopback}:${port}`];
      await progress.during(`Kafka 4.1.1 at ${addresses[0]}`, () => kafkaReady(addresses, waiting));
      return { addresses, stop };
    },
    cassandra: async () => {
      const jars = await jarFolder(cassandraJars, settings.cache, progress);
      const { cassandra: port, cassandraStorage: storagePort } = await ports;
      const folder = join(settings.home, 'cassandra');
      const heapMib = CASSANDRA_HEAP_MIB;
      await supervisor.start(cassandraProcess({ javaHome, jarFolder: jars, folder, port, storagePort, heapMib }));
      const addresses = [`${loopback}:${port}`];
      await progress.during(`Cassandra 5.0.6 at ${addresses[0]}`, () =>
        cassandraReady(addresses, settings.datacenter, waiting),
      );
      return { addresses, stop };
    },
  };
}

/** The ports that this home had the last time, if they are free, so that clients find their cluster again. */
async function choosePorts(home: string): Promise<Readonly<Record<PortName, number>>> {
  const file = join(home, 'ports.json');
  const before = readJsonIfThere<Partial<Record<PortName, number>>>(file) ?? {};
  const taken = new Set<number>();
  const ports = { ...preferred };
  for (const name of Object.keys(preferred) as PortName[]) {
    ports[name] = await choosePort(before[name] ?? preferred[name], taken);
  }
  writeWhole(file, `${JSON.stringify(ports)}\n`);
  return ports;
}
