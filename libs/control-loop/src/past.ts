import { journalTopic, type JournalPosition, type JournalRecord } from '@orrery/contracts';
import type { DomainEvent, EpochMs } from '@orrery/kernel';
import { sha256 } from './journal/hash.js';
import { judge, JournalStopped, type JournalRules } from './journal/judge.js';
import { startOf } from './journal/position.js';
import type { JournalRegistry } from './ports/journal-registry.js';
import type { Log, LogMessage, TopicPartition } from './ports/log.js';
import type { SnapshotStore } from './ports/snapshot-store.js';
import type { JournalAddress } from './shard/hosting.js';
import { loadNewestSnapshot } from './snapshots/load.js';
import { ShardFold, type Folding } from './state/shard-fold.js';

/** Where a read of the past ends: the last commit of a time, or a seq; both inclusive. */
export type Cut = { readonly atMax: EpochMs } | { readonly seqMax: number };

export interface FoldedPast<State extends object, Event extends DomainEvent> {
  readonly fold: ShardFold<State, Event>;
  /** Of the last record within the cut. */
  readonly position: JournalPosition;
  /** The journal went on after the cut when it was read: what is folded is final. */
  readonly complete: boolean;
  /** The first record beyond the cut. */
  readonly next?: JournalRecord;
}

export interface PastPorts {
  readonly log: Log;
  readonly snapshots: SnapshotStore;
  readonly registry: JournalRegistry;
}

const MESSAGES_AT_ONCE = 50;

/**
 * The state of one journal as it was: the nearest snapshot before the cut, and the records from there to it. The commits with
 * `at` ≤ T of all journals are a consistent cut, so several of these at one T are one state of the whole.
 */
export async function foldUpTo<State extends object, Event extends DomainEvent>(
  { domain, cell }: JournalAddress,
  folding: Folding<State, Event>,
  cut: Cut,
  { log, snapshots, registry }: PastPorts,
  breathe: () => Promise<void>,
): Promise<FoldedPast<State, Event>> {
  const registration = await registry.get(domain, cell);
  if (registration === undefined)
    throw new JournalStopped('not-registered', `no journal of ${domain}/${cell} is registered`);
  const { journalId } = registration;
  const fold = new ShardFold(folding);
  const loaded = await loadNewestSnapshot(fold, {
    store: snapshots,
    shard: { domain, cell },
    journalId,
    ...('atMax' in cut ? { atOrBefore: cut.atMax } : { seqMax: cut.seqMax }),
    onDamaged: () => undefined,
  });
  const source = { topic: journalTopic(domain), partition: cell };
  const rules: JournalRules = {
    ...registration,
    foldVersion: fold.foldVersion,
    inputsFault: (inputs) => fold.loop.inputsFault(inputs),
  };
  let position = loaded ?? startOf(journalId);
  if (loaded !== undefined) await checkAnchor(log, source, loaded);
  for await (const message of messagesFrom(log, source, position.next, breathe)) {
    const verdict = judge(position, message, rules);
    if (verdict.kind === 'stop') throw new JournalStopped(verdict.reason, `${domain}/${cell}: ${verdict.message}`);
    if (verdict.kind === 'accepted' && isBeyond(verdict.record, cut))
      return { fold, position, complete: true, next: verdict.record };
    if (verdict.kind === 'accepted') fold.fold(verdict.record, verdict.cursor);
    position = verdict.cursor;
  }
  return { fold, position, complete: 'seqMax' in cut && position.seq >= cut.seqMax };
}

function isBeyond({ seq, at }: JournalRecord, cut: Cut): boolean {
  return 'atMax' in cut ? at > cut.atMax : seq > cut.seqMax;
}

async function checkAnchor(
  log: Log,
  source: TopicPartition,
  { lastOffset, hash, seq }: JournalPosition,
): Promise<void> {
  const [anchor] = await log.read(source, lastOffset, lastOffset + 1);
  if (anchor?.value != null && sha256(anchor.value) === hash) return;
  throw new JournalStopped(
    'anchor-lost',
    `${source.topic}-${source.partition}: seq ${seq} is no longer at offset ${lastOffset}`,
  );
}

/** Up to the end that the log had when asked. */
async function* messagesFrom(
  log: Log,
  source: TopicPartition,
  from: number,
  breathe: () => Promise<void>,
): AsyncGenerator<LogMessage> {
  const { high } = await log.bounds(source);
  for (let next = from; next < high; next += MESSAGES_AT_ONCE) {
    yield* await log.read(source, next, Math.min(next + MESSAGES_AT_ONCE, high));
    await breathe();
  }
}
