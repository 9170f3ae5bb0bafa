import { journalTopic, type DomainName, type GenesisRecord } from '@orrery/contracts';
import type { Clock } from '../ports/clock.js';
import type { JournalRegistration, JournalRegistry } from '../ports/journal-registry.js';
import type { Log, TopicPartition } from '../ports/log.js';
import type { Random } from '../ports/random.js';
import { sha256 } from './hash.js';
import { JournalStopped } from './judge.js';
import { encodeRecord, readBody, readHead } from './records.js';

export interface Provisioning {
  readonly log: Log;
  readonly registry: JournalRegistry;
  readonly clock: Clock;
  readonly random: Random;
}

const ATTEMPTS_MAX = 20;
const BACK_OFF_MS = 50;
/** The genesis is the first record, or nearly: there is no need to fetch commits with it. */
const READ_AT_ONCE = 2;

/**
 * Writes the Genesis of a journal once and registers it. Safe to call again and by many at the same time: they may all
 * append a genesis, but the first one in the log is the one that everybody registers. A registered journal whose genesis is
 * not in the log means that the topic was deleted and made again, which is never repaired here.
 */
export async function provisionJournal(
  { log, registry, clock, random }: Provisioning,
  { domain, cell, cells }: { readonly domain: DomainName; readonly cell: number; readonly cells: number },
): Promise<JournalRegistration> {
  const source = { topic: journalTopic(domain), partition: cell };
  const registered = await registry.get(domain, cell);
  if (registered !== undefined) {
    await assertGenesisIn(log, source, registered);
    return registered;
  }
  let doubt: unknown;
  for (let attempt = 1; ; attempt += 1) {
    const first = await firstGenesis(log, source, { domain, cell });
    if (first !== undefined) return registry.put({ domain, cell, ...first });
    if (attempt > ATTEMPTS_MAX) {
      throw new Error(`${source.topic}-${cell}: no genesis after ${ATTEMPTS_MAX} attempts`, { cause: doubt });
    }
    const genesis: GenesisRecord = {
      journalId: random.id(),
      kind: 'Genesis',
      term: 0,
      seq: 0,
      prevHash: '',
      writer: '',
      at: clock.nowMs(),
      domain,
      cell,
      cells,
    };
    // Whether it landed is read from the log, whatever the append says.
    doubt = await log.append(source, { value: encodeRecord(genesis) }).then(
      () => undefined,
      (error: unknown) => error,
    );
    if (doubt !== undefined) await new Promise<void>((resolve) => clock.after(BACK_OFF_MS * attempt, resolve));
  }
}

async function assertGenesisIn(log: Log, source: TopicPartition, registered: JournalRegistration): Promise<void> {
  const { low, high } = await log.bounds(source);
  // Retention may have been set by hand on a journal that is read from snapshots: then the anchor of each reader decides.
  if (low > 0) return;
  for await (const message of messagesOf(log, source, high)) {
    if (message.value !== null && sha256(message.value) === registered.genesisHash) return;
  }
  throw new JournalStopped(
    'genesis-missing',
    `${source.topic}-${source.partition} does not hold journal ${registered.journalId}: was the topic made again?`,
  );
}

async function firstGenesis(
  log: Log,
  source: TopicPartition,
  { domain, cell }: { readonly domain: DomainName; readonly cell: number },
): Promise<Pick<JournalRegistration, 'journalId' | 'genesisHash'> | undefined> {
  const { high } = await log.bounds(source);
  for await (const { value } of messagesOf(log, source, high)) {
    const head = readHead(value);
    const record = head === undefined ? undefined : readBody(head);
    if (record === undefined || 'damage' in record || record.kind !== 'Genesis') continue;
    if (record.seq !== 0 || record.domain !== domain || record.cell !== cell) continue;
    return { journalId: record.journalId, genesisHash: sha256(value!) };
  }
  return undefined;
}

async function* messagesOf(log: Log, source: TopicPartition, high: number) {
  const { low } = await log.bounds(source);
  for (let from = low; from < high; from += READ_AT_ONCE) {
    yield* await log.read(source, from, Math.min(from + READ_AT_ONCE, high));
  }
}
