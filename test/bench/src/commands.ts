import { randomUUID } from 'node:crypto';
import { commandHeaders, commandTopic, commandTypeName } from '@orrery/contracts';
import type { KafkajsLog } from '@orrery/kafka';
import { JournalTail } from './journal-tail.js';

/** The cheapest command there is: what is measured is the way, not the decision. */
function setRole(id: string) {
  return {
    partition: 0,
    key: 'bench',
    headers: {
      [commandHeaders.specversion]: '1.0',
      [commandHeaders.id]: id,
      [commandHeaders.type]: commandTypeName('allocation', 'SetRole'),
      [commandHeaders.source]: 'bench',
      [commandHeaders.time]: new Date().toISOString(),
    },
    value: Buffer.from(JSON.stringify({ role: 'bench', weight: 1 + (parseInt(id.slice(0, 4), 16) % 1000) })),
  };
}

const PUBLISHED_AT_ONCE = 1000;

/** Sends so many commands at once; gives the milliseconds from the first send to the sight of the last acceptance. */
export async function acceptCommands(log: KafkajsLog, count: number): Promise<number> {
  const tail = await JournalTail.from(log, 'allocation');
  const ids = Array.from({ length: count }, () => randomUUID() as string);
  const waiting = new Set(ids);
  const done = new Promise<void>((resolve) => {
    tail.on(({ record }) => {
      for (const event of record.events) {
        if (event.type === 'CommandAccepted') waiting.delete((event.data as { command: string }).command);
      }
      if (waiting.size === 0) resolve();
    });
  });
  const began = performance.now();
  for (let from = 0; from < count; from += PUBLISHED_AT_ONCE) {
    await log.publish(commandTopic('allocation'), ids.slice(from, from + PUBLISHED_AT_ONCE).map(setRole));
  }
  await done;
  const tookMs = performance.now() - began;
  await tail.stop();
  return tookMs;
}
