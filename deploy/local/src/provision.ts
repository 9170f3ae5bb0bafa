import { topicLayout } from '@orrery/contracts';
import { KafkajsTopics } from '@orrery/kafka';
import type { Infrastructure } from './infrastructure.js';
import type { Settings } from './settings.js';

/** Makes what the processes of the plane expect to find, and checks what is there. Safe to do at every start. */
export async function provision(settings: Settings, { kafka }: Infrastructure): Promise<void> {
  const topics = new KafkajsTopics({ brokers: kafka, clientId: 'orrery-launcher' });
  await topics.ensureTopics(topicLayout({ cells: settings.cells, lanes: settings.lanes }));
}
