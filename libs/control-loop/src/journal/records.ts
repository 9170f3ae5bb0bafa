import type { CommitRecord, GenesisRecord, JournalRecord, RecordHead, TermStartedRecord } from '@orrery/contracts';

/** The bytes of a record: made once, sent unchanged in every attempt, hashed as they are. */
export function encodeRecord(record: GenesisRecord | TermStartedRecord): Uint8Array {
  return Buffer.from(JSON.stringify(record));
}

/** A commit whose events were encoded one by one while they were decided: what was folded is what is written. */
export function encodeCommit(commit: Omit<CommitRecord, 'events'>, events: readonly string[]): Uint8Array {
  const head = JSON.stringify(commit);
  return Buffer.from(`${head.slice(0, -1)},"events":[${events.join(',')}]}`);
}

/** What is needed to know whose a record is and where it belongs; anything else in it may be damaged. */
export type ReadableHead = Pick<RecordHead, 'journalId' | 'seq'> & Readonly<Record<string, unknown>>;

/** The head of a record, or nothing when these bytes are none of a journal; `known` is what they say, where that is known. */
export function readHead(value: Uint8Array | null, known?: unknown): ReadableHead | undefined {
  if (value === null) return undefined;
  const parsed = known ?? parseJson(value);
  if (!isObject(parsed)) return undefined;
  if (typeof parsed['journalId'] !== 'string' || !isCount(parsed['seq'])) return undefined;
  return parsed as unknown as ReadableHead;
}

/** The whole record behind a readable head, or what is wrong with it. */
export function readBody(head: ReadableHead): JournalRecord | { readonly damage: string } {
  if (!isCount(head['term'])) return { damage: 'term is not a count' };
  if (typeof head['prevHash'] !== 'string') return { damage: 'prevHash is not a string' };
  if (typeof head['writer'] !== 'string') return { damage: 'writer is not a string' };
  if (typeof head['at'] !== 'number') return { damage: 'at is not a time' };
  switch (head['kind']) {
    case 'Genesis':
      if (isCount(head['cell']) && isCount(head['cells'])) return head as unknown as GenesisRecord;
      return { damage: 'a genesis without cell' };
    case 'TermStarted':
      if (isCount(head['foldVersion'])) return head as unknown as TermStartedRecord;
      return { damage: 'a term without fold version' };
    case 'Commit':
      if (!isCount(head['relayedSeq']) && head['relayedSeq'] !== -1) return { damage: 'relayedSeq is not a count' };
      if (!isListOfObjects(head['inputs'])) return { damage: 'inputs are not a list' };
      if (!isListOfObjects(head['events'])) return { damage: 'events are not a list' };
      return head as unknown as CommitRecord;
    default:
      return { damage: `unknown kind ${String(head['kind'])}` };
  }
}

function parseJson(value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8'));
  } catch {
    return undefined; // Unreadable bytes are an answer here, not a failure.
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isListOfObjects(value: unknown): boolean {
  return Array.isArray(value) && value.every(isObject);
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
