import { CassandraRegistry, ensureKeyspace } from '@orrery/cassandra';
import { agentLogsTopic, domainNames, quotasOf, topicLayout } from '@orrery/contracts';
import { provisionJournal, systemClock, systemRandom } from '@orrery/control-loop';
import { KafkajsLog, KafkajsQuotas, KafkajsTopics } from '@orrery/kafka';
import type { Settings } from './settings.js';

const clientId = 'orrery-launcher';

/**
 * Makes the topics and client quotas that are missing and checks those that are there. Safe to do at every start. `say`: a
 * quota that can't be set, which costs nobody his data, only the assurance that logs never slow commits.
 */
export async function provisionKafka(
  { cells, lanes }: Settings,
  brokers: readonly string[],
  say: (line: string) => void,
): Promise<void> {
  const layout = topicLayout({ cells, lanes });
  await new KafkajsTopics({ brokers, clientId }).ensureTopics(layout);
  const quotas = new KafkajsQuotas({ brokers, clientId });
  const { missing } = await quotas.ensureQuotas(quotasOf(layout), agentLogsTopic);
  for (const { clientId: id, why } of missing) say(`no producer quota for client id ${id}: ${why}`);
}

/** Makes the keyspace and the tables that are missing. Safe to do at every start. */
export async function provisionCassandra(
  { datacenter, keyspace }: Settings,
  contactPoints: readonly string[],
): Promise<void> {
  await ensureKeyspace({ contactPoints, datacenter, keyspace });
}

/** Writes the genesis of each journal once, and registers it outside of its topic. Safe to do at every start. */
export async function provisionJournals(
  { datacenter, keyspace, cells }: Settings,
  { kafka, cassandra }: { readonly kafka: readonly string[]; readonly cassandra: readonly string[] },
): Promise<void> {
  const registry = new CassandraRegistry({ contactPoints: cassandra, datacenter, keyspace });
  const log = new KafkajsLog({ brokers: kafka, clientId });
  const provisioning = { log, registry, clock: systemClock, random: systemRandom };
  try {
    for (let cell = 0; cell < cells; cell += 1) {
      await Promise.all(domainNames.map((domain) => provisionJournal(provisioning, { domain, cell, cells })));
    }
  } finally {
    await Promise.all([log.close(), registry.close()]);
  }
}
