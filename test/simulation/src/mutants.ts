import type { JournalPosition } from '@orrery/contracts';
import {
  journalProtocol,
  sha256,
  type JournalProtocol,
  type Judge,
  type Log,
  type Random,
  type SnapshotManifest,
  type SnapshotStore,
} from '@orrery/control-loop';

/** What a process is made of; a mutant replaces one piece of it. */
export interface ProcessParts {
  readonly protocol: JournalProtocol;
  readonly log: Log;
  readonly random: Random;
  readonly snapshots: SnapshotStore;
}

/** The protocol with one rule left out: a line of journal-protocol §4. A simulation that does not notice is worth nothing. */
export interface Mutant {
  readonly name: string;
  /** Readers see, and writers are told of, what one broker has and a leader change may cut. */
  readonly belowHighWatermark?: false;
  mutate?(parts: ProcessParts): ProcessParts;
}

export const mutants: readonly Mutant[] = [
  { name: 'm1 term only: no seq, no prevHash', mutate: (parts) => withJudge(parts, termOnly) },
  { name: 'm2 any acknowledgement trusted', mutate: (parts) => trustAnyAck(parts, () => true) },
  {
    name: 'm3 in doubt: the same bytes again, never reads',
    mutate: (parts) => ({ ...parts, log: deafInDoubt(parts.log) }),
  },
  {
    name: 'm3b in doubt: never reads, any acknowledgement trusted',
    mutate: (parts) => trustAnyAck({ ...parts, log: deafInDoubt(parts.log) }, () => true),
  },
  {
    name: 'm4 own TermStarted: any acknowledgement trusted',
    mutate: (parts) => trustAnyAck(parts, (record) => record['kind'] === 'TermStarted'),
  },
  { name: 'm5 no term: an owner does not notice its successor', mutate: deafToTerms },
  {
    name: 'no nonce in TermStarted',
    mutate: (parts) => ({ ...parts, random: { fraction: () => parts.random.fraction(), id: () => 'writer' } }),
  },
  { name: 'a lost TermStarted is never sent again', mutate: (parts) => ({ ...parts, log: sendsOnce(parts.log) }) },
  { name: 'readers above the high watermark', belowHighWatermark: false },
  { name: 'a snapshot without seq and hash', mutate: (parts) => bootFrom(parts, { hash: '?' }, trustsFirst) },
  { name: 'boot one record too late, gaps void', mutate: bootTooLate },
  { name: 'void records are accepted', mutate: (parts) => withJudge(parts, acceptsLate) },
];

function withJudge(parts: ProcessParts, judge: Judge): ProcessParts {
  return { ...parts, protocol: { ...parts.protocol, judge } };
}

/** Accepts whatever names the term and the writer, as a fencing token alone would. */
const termOnly: Judge = (cursor, message, rules) => {
  const verdict = journalProtocol.judge(cursor, message, { ...rules, inputsFault: () => undefined });
  const record = parse(message.value);
  if (verdict.kind === 'accepted' || record?.['kind'] !== 'Commit') return verdict;
  if (record['term'] !== cursor.term || record['writer'] !== cursor.writer) {
    return { kind: 'void', reason: 'late', cursor: { ...cursor, next: cursor.next + 1 } };
  }
  return accepted(cursor, message.value!, record);
};

/** Takes a late copy for a new record, as a reader without R1 would. */
const acceptsLate: Judge = (cursor, message, rules) => {
  const verdict = journalProtocol.judge(cursor, message, rules);
  const record = parse(message.value);
  if (verdict.kind !== 'void' || verdict.reason !== 'late' || record?.['kind'] !== 'Commit') return verdict;
  return accepted(cursor, message.value!, record);
};

/** A position that knows no hash believes the first record it meets. */
const trustsFirst: Judge = (cursor, message, rules) => {
  const record = parse(message.value);
  if (cursor.hash !== '?' || record?.['kind'] !== 'Commit') return journalProtocol.judge(cursor, message, rules);
  return accepted(cursor, message.value!, record);
};

function accepted(cursor: JournalPosition, value: Uint8Array, record: Record<string, unknown>): ReturnType<Judge> {
  const position = {
    ...cursor,
    next: cursor.next + 1,
    lastOffset: cursor.next,
    seq: cursor.seq + 1,
    hash: sha256(value),
  };
  return { kind: 'accepted', record: { ...record, seq: position.seq } as never, cursor: position };
}

/** W1 without the comparison: the record is taken for accepted wherever it landed. */
function trustAnyAck(parts: ProcessParts, concerns: (record: Record<string, unknown>) => boolean): ProcessParts {
  let sent: Record<string, unknown> = {};
  const log: Log = {
    ...parts.log,
    append: (target, message) => {
      sent = parse(message.value) ?? {};
      return parts.log.append(target, message);
    },
  };
  const { judge, meaningOfAck } = parts.protocol;
  return {
    ...parts,
    log,
    protocol: {
      ...parts.protocol,
      meaningOfAck: (offset, next) => (concerns(sent) && offset >= next ? 'accepted' : meaningOfAck(offset, next)),
      judge: (cursor, message, rules) =>
        judge(cursor, message.offset > cursor.next ? { ...message, offset: cursor.next } : message, rules),
    },
  };
}

/** While an append is unanswered, nothing of the journals is read. */
function deafInDoubt(log: Log): Log {
  let doubts = 0;
  let heard: (() => void)[] = [];
  return {
    ...log,
    append: async (target, message) => {
      try {
        return await log.append(target, message);
      } catch (error) {
        doubts += 1;
        throw error;
      }
    },
    follow: (source, from, onBatch, onError) =>
      log.follow(
        source,
        from,
        async (batch) => {
          if (doubts > 0) await new Promise<void>((resolve) => heard.push(resolve));
          heard = [];
          return onBatch(batch);
        },
        onError,
      ),
  };
}

/** The bytes of a record go out once; nobody sends them again. */
function sendsOnce(log: Log): Log {
  const sent = new Set<string>();
  return {
    ...log,
    append: (target, message) => {
      const hash = sha256(message.value);
      if (sent.has(hash)) return new Promise<number>(() => undefined);
      if (parse(message.value)?.['kind'] === 'TermStarted') sent.add(hash);
      return log.append(target, message);
    },
  };
}

/** Terms of others look like empty commits: the owner goes on, on top of them. */
function deafToTerms(parts: ProcessParts): ProcessParts {
  const own = new Set<string>();
  const { judge } = parts.protocol;
  return {
    ...parts,
    log: {
      ...parts.log,
      append: (target, message) => {
        own.add(sha256(message.value));
        return parts.log.append(target, message);
      },
    },
    protocol: {
      ...parts.protocol,
      judge: (cursor, message, rules) => {
        const verdict = judge(cursor, message, rules);
        if (verdict.kind !== 'accepted' || verdict.record.kind !== 'TermStarted' || own.has(verdict.cursor.hash))
          return verdict;
        const { journalId, term, seq, prevHash, writer, at } = verdict.record;
        const head = { journalId, term, seq, prevHash, writer, at };
        return { ...verdict, record: { ...head, kind: 'Commit', inputs: [], relayedSeq: -1, events: [] } };
      },
    },
  };
}

function bootFrom(parts: ProcessParts, change: Partial<JournalPosition>, judge: Judge): ProcessParts {
  return {
    ...parts,
    protocol: { ...parts.protocol, judge, anchorFault: () => undefined },
    snapshots: withPositions(parts.snapshots, (position) => ({ ...position, ...change })),
  };
}

function bootTooLate(parts: ProcessParts): ProcessParts {
  const gapsVoid: Judge = (cursor, message, rules) => {
    const verdict = journalProtocol.judge(cursor, message, rules);
    return verdict.kind === 'stop'
      ? { kind: 'void', reason: 'late', cursor: { ...cursor, next: cursor.next + 1 } }
      : verdict;
  };
  return {
    ...bootFrom(parts, {}, gapsVoid),
    snapshots: withPositions(parts.snapshots, (position) => ({
      ...position,
      lastOffset: position.lastOffset + 1,
      next: position.next + 1,
    })),
  };
}

/** Positions are changed behind the digest: what is loaded is believed. */
function withPositions(store: SnapshotStore, change: (position: JournalPosition) => JournalPosition): SnapshotStore {
  const changed = (manifest: SnapshotManifest): SnapshotManifest => {
    const cursor = JSON.stringify(change(JSON.parse(manifest.cursor) as JournalPosition));
    const digest = sha256(cursor + manifest.slices.map((slice) => slice.digest).join(''));
    return { ...manifest, cursor, digest };
  };
  return {
    putSlice: store.putSlice.bind(store),
    getSlice: store.getSlice.bind(store),
    putManifest: store.putManifest.bind(store),
    deleteManifest: store.deleteManifest.bind(store),
    listManifests: async (shard, options) => (await store.listManifests(shard, options)).map(changed),
  };
}

function parse(value: Uint8Array | null): Record<string, unknown> | undefined {
  try {
    return JSON.parse(Buffer.from(value ?? []).toString()) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
