import { ensureKeyspace } from '@orrery/cassandra';
import { topicLayout } from '@orrery/contracts';
import { KafkajsTopics } from '@orrery/kafka';
import type { Settings } from './settings.js';

/** Makes the topics that are missing and checks those that are there. Safe to do at every start. */
export async function provisionKafka({ cells, lanes }: Settings, brokers: readonly string[]): Promise<void> {
  await new KafkajsTopics({ brokers, clientId: 'orrery-launcher' }).ensureTopics(topicLayout({ cells, lanes }));
}

/** Makes the keyspace and the tables that are missing. Safe to do at every start. */
export async function provisionCassandra(
  { datacenter, keyspace }: Settings,
  contactPoints: readonly string[],
): Promise<void> {
  await ensureKeyspace({ contactPoints, datacenter, keyspace });
}
