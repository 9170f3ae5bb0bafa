import {
  journalTopic,
  type DomainName,
  type GenesisRecord,
  type JournalPosition,
  type JournalRecord,
} from '@orrery/contracts';
import type { DomainEvent } from '@orrery/kernel';
import type { JournalRegistry } from '../ports/journal-registry.js';
import type { Log, LogMessage } from '../ports/log.js';
import type { SnapshotManifest, SnapshotStore } from '../ports/snapshot-store.js';
import { ShardFold, type Folding } from '../state/shard-fold.js';
import { sha256 } from './hash.js';
import { judge, JournalStopped, type VoidReason } from './judge.js';
import { startOf } from './position.js';
import { readHead, type ReadableHead } from './records.js';

export interface AuditOptions<State extends object, Event extends DomainEvent> {
  readonly domain: DomainName;
  readonly cell: number;
  readonly folding: Folding<State, Event>;
  /** Told every accepted record, with the state behind it: for what else an audit wants to see. */
  onRecord?(record: JournalRecord, position: JournalPosition, fold: ShardFold<State, Event>): void;
  /** Lets others have a turn; called every few records. */
  breathe?(): Promise<void>;
}

export interface AuditReport {
  readonly domain: DomainName;
  readonly cell: number;
  readonly journalId: string;
  /** Offsets read: from 0 to the high watermark. */
  readonly messages: number;
  readonly accepted: number;
  readonly events: number;
  readonly terms: number;
  readonly position: JournalPosition;
  /** Digest of the state at the end, folded from zero. */
  readonly digest: string;
  readonly voidRecords: readonly VoidFinding[];
  readonly snapshots: readonly SnapshotFinding[];
  /** Why reading stopped before the end, if it did: gap, fork, damage. */
  readonly stopped: string | undefined;
  /** Nothing is wrong: void records that the protocol leaves (`late`) are right. */
  readonly clean: boolean;
}

/** A record that no reader accepts, and what it is. */
export interface VoidFinding {
  readonly offset: number;
  readonly reason: VoidReason;
  readonly what: string;
  /** The protocol leaves these itself: a copy, or an append of an owner that had been replaced. */
  readonly expected: boolean;
}

export interface SnapshotFinding {
  readonly seq: number;
  readonly ok: boolean;
  readonly what: string;
}

const MESSAGES_AT_ONCE = 50;

/**
 * Walks one journal from zero by the same rules as every reader: chain, terms, dense offsets. The fold from zero is held
 * against every snapshot on the way; each void record is named.
 */
export async function auditJournal<State extends object, Event extends DomainEvent>(
  { log, registry, snapshots }: { log: Log; registry: JournalRegistry; snapshots: SnapshotStore },
  options: AuditOptions<State, Event>,
): Promise<AuditReport> {
  const { domain, cell, folding } = options;
  const registration = await registry.get(domain, cell);
  if (registration === undefined)
    throw new JournalStopped('not-registered', `no journal of ${domain}/${cell} is registered`);
  const manifests = await snapshots.listManifests({ domain, cell });
  const walk = new AuditWalk(options, new ShardFold(folding), {
    rules: registration,
    manifests: manifests.filter(({ journalId }) => journalId === registration.journalId),
  });
  const source = { topic: journalTopic(domain), partition: cell };
  const { low, high } = await log.bounds(source);
  if (low > 0) throw new JournalStopped('genesis-missing', `${source.topic}-${cell} begins at offset ${low}`);
  for (let from = 0; from < high && walk.stopped === undefined; from += MESSAGES_AT_ONCE) {
    for (const message of await log.read(source, from, Math.min(from + MESSAGES_AT_ONCE, high))) walk.take(message);
    await options.breathe?.();
  }
  return walk.report(high);
}

class AuditWalk<State extends object, Event extends DomainEvent> {
  stopped: string | undefined;
  readonly #options: AuditOptions<State, Event>;
  readonly #fold: ShardFold<State, Event>;
  readonly #rules: Parameters<typeof judge>[2];
  readonly #manifests: readonly SnapshotManifest[];
  readonly #voidRecords: VoidFinding[] = [];
  readonly #snapshots: SnapshotFinding[] = [];
  #cursor: JournalPosition;
  /** Position after each accepted seq: what a late record must have been built on. */
  readonly #positions: Pick<JournalPosition, 'hash' | 'term' | 'writer'>[] = [];
  #accepted = 0;
  #events = 0;
  #terms = 0;

  constructor(
    options: AuditOptions<State, Event>,
    fold: ShardFold<State, Event>,
    { rules, manifests }: { rules: Parameters<typeof judge>[2]; manifests: readonly SnapshotManifest[] },
  ) {
    this.#options = options;
    this.#fold = fold;
    this.#manifests = manifests;
    this.#rules = { ...rules, foldVersion: fold.foldVersion, inputsFault: (inputs) => fold.loop.inputsFault(inputs) };
    this.#cursor = startOf(rules.journalId);
  }

  take(message: LogMessage): void {
    if (this.stopped !== undefined) return;
    const verdict = judge(this.#cursor, message, this.#rules);
    switch (verdict.kind) {
      case 'stop':
        this.stopped = `${verdict.reason}: ${verdict.message}`;
        return;
      case 'void':
        this.#cursor = verdict.cursor;
        this.#voidRecords.push(this.#describeVoid(message, verdict.reason));
        return;
      case 'accepted':
        this.#cursor = verdict.cursor;
        return this.#onAccepted(verdict.record);
    }
  }

  report(high: number): AuditReport {
    const { domain, cell } = this.#options;
    const checked = new Set(this.#snapshots.map(({ seq }) => seq));
    const beyond = this.#manifests
      .filter(({ seq }) => !checked.has(seq))
      .map(({ seq }) => ({ seq, ok: false, what: `the journal does not reach seq ${seq}` }));
    const snapshots = [...this.#snapshots, ...beyond];
    const genesisMissing =
      this.#cursor.seq < 0 ? 'genesis-missing: the registered genesis is not in the log' : undefined;
    const stopped = this.stopped ?? genesisMissing;
    return {
      domain,
      cell,
      journalId: this.#cursor.journalId,
      messages: high,
      accepted: this.#accepted,
      events: this.#events,
      terms: this.#terms,
      position: this.#cursor,
      digest: this.#fold.digest(this.#cursor),
      voidRecords: this.#voidRecords,
      snapshots,
      stopped,
      clean:
        stopped === undefined && snapshots.every(({ ok }) => ok) && this.#voidRecords.every(({ expected }) => expected),
    };
  }

  #onAccepted(record: JournalRecord): void {
    const { hash, term, writer } = this.#cursor;
    this.#positions[record.seq] = { hash, term, writer };
    this.#fold.fold(record, this.#cursor);
    this.#accepted += 1;
    if (record.kind === 'TermStarted') this.#terms += 1;
    if (record.kind === 'Commit') this.#events += record.events.length;
    if (record.kind === 'Genesis') this.#checkGenesis(record);
    this.#options.onRecord?.(record, this.#cursor, this.#fold);
    for (const manifest of this.#manifests) if (manifest.seq === record.seq) this.#checkSnapshot(manifest);
  }

  #checkGenesis({ domain, cell }: GenesisRecord): void {
    if (domain === this.#options.domain && cell === this.#options.cell) return;
    this.stopped = `damaged: the genesis is of ${domain}/${cell}`;
  }

  #checkSnapshot({ seq, digest, foldVersion }: SnapshotManifest): void {
    if (foldVersion !== this.#fold.foldVersion) {
      const what = `taken by fold version ${foldVersion}, this is ${this.#fold.foldVersion}: not used, not compared`;
      this.#snapshots.push({ seq, ok: true, what });
      return;
    }
    const expected = this.#fold.digest(this.#cursor);
    const ok = expected === digest;
    const what = ok ? `digest ${digest}` : `digest ${digest}, but the fold from zero gives ${expected}`;
    this.#snapshots.push({ seq, ok, what });
  }

  #describeVoid({ offset, value }: LogMessage, reason: VoidReason): VoidFinding {
    const head = readHead(value);
    const where = head === undefined ? `${value?.length ?? 0} bytes` : `${String(head['kind'])} with seq ${head.seq}`;
    switch (reason) {
      case 'unreadable':
        return {
          offset,
          reason,
          what: `${where} that are no journal record: a foreign client wrote here`,
          expected: false,
        };
      case 'foreign':
        return {
          offset,
          reason,
          what: `${where} of journal ${head!.journalId}: a foreign client wrote here`,
          expected: false,
        };
      case 'before-genesis': {
        const expected = head!['kind'] === 'Genesis';
        return { offset, reason, what: `${where} in front of the registered genesis`, expected };
      }
      case 'repaired':
        return { offset, reason, what: `${where}, declared void by an operator`, expected: true };
      case 'late':
        return { offset, reason, ...this.#describeLate(value!, head!, where) };
    }
  }

  /** Honest late records are copies, or were built on an accepted state that somebody else was faster to build on. */
  #describeLate(value: Uint8Array, head: ReadableHead, where: string): { what: string; expected: boolean } {
    if (this.#positions[head.seq]?.hash === sha256(value)) return { what: `${where}, a copy`, expected: true };
    const base = this.#positions[head.seq - 1];
    const linked = base !== undefined && base.hash === head['prevHash'];
    const ofItsTerm =
      head['kind'] === 'TermStarted' || (head['term'] === base?.term && head['writer'] === base?.writer);
    if (linked && ofItsTerm) return { what: `${where}, of an owner that had been replaced`, expected: true };
    return { what: `${where}, built on nothing in this journal: forged or damaged`, expected: false };
  }
}
