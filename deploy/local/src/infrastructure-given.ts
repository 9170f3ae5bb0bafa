import type { InfrastructureProvider, InfrastructureSurroundings } from './infrastructure.js';
import { cassandraReady, kafkaReady } from './readiness.js';

const ANSWER_WITHIN_MS = 30_000;

/** Kafka and Cassandra that somebody else runs: they must answer, and are left running. */
export function givenInfrastructure({ settings, signal }: InfrastructureSurroundings): InfrastructureProvider {
  const { kafka = [], cassandra = [], datacenter } = settings;
  const stop = async () => undefined;
  return {
    kafka: async () => {
      await kafkaReady(kafka, { withinMs: ANSWER_WITHIN_MS, signal });
      return { addresses: kafka, stop };
    },
    cassandra: async () => {
      await cassandraReady(cassandra, datacenter, { withinMs: ANSWER_WITHIN_MS, signal });
      return { addresses: cassandra, stop };
    },
  };
}
