import { commandTopic, type DomainName } from '@orrery/contracts';
import type { KafkaLogger } from './kafka-options.js';
import { KafkajsLog } from './kafkajs-log.js';
import { KafkajsOwnershipHint } from './ownership-hint.js';

/** What an owner needs of Kafka: the log, and the group that says which cells of its domain it should own. */
export interface KafkaOfOwner {
  readonly log: KafkajsLog;
  readonly hint: KafkajsOwnershipHint;
  close(): Promise<void>;
}

export function kafkaOfOwner(
  domain: DomainName,
  settings: { readonly kafka: readonly string[]; readonly instance: string; readonly cells: number },
  logger: KafkaLogger,
): KafkaOfOwner {
  const options = { brokers: settings.kafka, clientId: settings.instance, logger };
  const log = new KafkajsLog(options);
  const topic = commandTopic(domain);
  // The instances of one app: their group is named after the topic whose partitions they share.
  const hint = new KafkajsOwnershipHint(options, { groupId: `${topic}.owners`, topic, cells: settings.cells });
  return { log, hint, close: () => log.close() };
}
