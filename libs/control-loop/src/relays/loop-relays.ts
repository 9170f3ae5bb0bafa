import { commandHeaders, commandTopic, quarantineTopic, type CommitRecord, type LoopEvent } from '@orrery/contracts';
import type { DomainName } from '@orrery/contracts';
import type { RelayedMessage } from '../shard/hosting.js';

/** A message to be published again elsewhere: its bytes are read back from where they lie, not kept in the journal. */
export interface RelayedCopy {
  readonly copyOf: { readonly topic: string; readonly partition: number; readonly offset: number };
  readonly topic: string;
  readonly partition: number;
  /** Replaces the key of the original. */
  readonly key?: string;
  /** Added to the headers of the original. */
  readonly headers: Readonly<Record<string, string>>;
}

export type Relayed = RelayedMessage | RelayedCopy;

/** What every domain's commits tell the outside: misrouted commands go to their owner, unreadable input to quarantine. */
export function loopRelays(
  commit: CommitRecord,
  { domain, cell }: { domain: DomainName; cell: number },
): RelayedCopy[] {
  const copies: RelayedCopy[] = [];
  for (const recorded of commit.events) {
    const event = recorded as unknown as LoopEvent;
    if (event.type === 'CommandForwarded' && 'offset' in recorded.cause) {
      const { topic, partition, offset } = recorded.cause;
      const headers = { [commandHeaders.forwarded]: `${topic}-${partition}-${offset}` };
      copies.push({
        copyOf: { topic, partition, offset },
        topic: commandTopic(domain),
        partition: event.data.partition,
        headers,
      });
    }
    if (event.type === 'InputQuarantined') {
      const { topic, partition, offset, code, message } = event.data;
      const headers = {
        'orrery-code': code,
        'orrery-message': message,
        'orrery-journal': `${domain}/${cell}/${commit.seq}`,
      };
      const key = `${topic}-${partition}-${offset}`;
      copies.push({ copyOf: { topic, partition, offset }, topic: quarantineTopic, partition: 0, key, headers });
    }
  }
  return copies;
}
