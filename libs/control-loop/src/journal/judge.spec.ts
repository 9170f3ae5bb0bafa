import type { CommitRecord, GenesisRecord, JournalPosition, JournalRecord, TermStartedRecord } from '@orrery/contracts';
import { encodeRecord, judge, meaningOfAck, sha256, startOf, type JournalRules, type Verdict } from '../index.js';

const encode = (record: unknown) => encodeRecord(record as GenesisRecord);

const genesis: GenesisRecord = {
  journalId: 'j',
  kind: 'Genesis',
  term: 0,
  seq: 0,
  prevHash: '',
  writer: '',
  at: 1,
  domain: 'services',
  cell: 0,
  cells: 1,
};
const rules: JournalRules = { journalId: 'j', genesisHash: sha256(encode(genesis)), foldVersion: 1 };

/** Reads records at offsets 0, 1, … */
function read(
  records: readonly unknown[],
  from = startOf('j'),
  under = rules,
): { verdicts: Verdict[]; cursor: JournalPosition } {
  let cursor = from;
  const verdicts = records.map((record) => {
    const value = record instanceof Uint8Array || record === null ? record : encode(record);
    const verdict = judge(cursor, { offset: cursor.next, value }, under);
    if (verdict.kind !== 'stop') cursor = verdict.cursor;
    return verdict;
  });
  return { verdicts, cursor };
}

const { cursor: begun } = read([genesis]);
const term: TermStartedRecord = {
  journalId: 'j',
  kind: 'TermStarted',
  term: 1,
  seq: 1,
  prevHash: begun.hash,
  writer: 'a',
  at: 2,
  instance: 'a-0',
  foldVersion: 1,
};
const { cursor: owned } = read([genesis, term]);
const commit: CommitRecord = {
  journalId: 'j',
  kind: 'Commit',
  term: 1,
  seq: 2,
  prevHash: owned.hash,
  writer: 'a',
  at: 3,
  inputs: [],
  relayedSeq: 1,
  events: [],
};

describe('the accept rules', () => {
  const rows: readonly {
    readonly rule: string;
    readonly record: unknown;
    readonly on?: JournalPosition;
    readonly gives: 'accepted' | 'void' | 'stop';
    readonly because?: string;
  }[] = [
    { rule: 'R0 bytes that are no JSON', record: Buffer.from('\u0000garbage'), gives: 'void', because: 'unreadable' },
    { rule: 'R0 a tombstone', record: null, gives: 'void', because: 'unreadable' },
    { rule: 'R0 JSON that is no record', record: { hello: 1 }, gives: 'void', because: 'unreadable' },
    { rule: 'R0 a seq that is no count', record: { ...commit, seq: -1 }, gives: 'void', because: 'unreadable' },
    { rule: 'R0 another journal', record: { ...commit, journalId: 'k' }, gives: 'void', because: 'foreign' },
    {
      rule: 'R0 another journal, whatever else is wrong',
      record: { journalId: 'k', seq: 99 },
      gives: 'void',
      because: 'foreign',
    },
    {
      rule: 'R0 before genesis, another genesis',
      record: { ...genesis, at: 9 },
      on: startOf('j'),
      gives: 'void',
      because: 'before-genesis',
    },
    {
      rule: 'R0 before genesis, a late append of this journal',
      record: commit,
      on: startOf('j'),
      gives: 'void',
      because: 'before-genesis',
    },
    { rule: 'R0 the registered genesis', record: genesis, on: startOf('j'), gives: 'accepted' },
    { rule: 'R1 the genesis again', record: genesis, gives: 'void', because: 'late' },
    { rule: 'R1 a term that was taken', record: term, gives: 'void', because: 'late' },
    {
      rule: 'R1 an old seq, damaged',
      record: { journalId: 'j', seq: 1, kind: 'Nonsense' },
      gives: 'void',
      because: 'late',
    },
    { rule: 'R2 a seq is missing', record: { ...commit, seq: 3 }, gives: 'stop', because: 'gap' },
    { rule: 'R3 the commit that is next', record: commit, gives: 'accepted' },
    { rule: 'R3 the term that is next', record: term, on: begun, gives: 'accepted' },
    { rule: 'R3 a term that skips one', record: { ...term, term: 5 }, on: begun, gives: 'accepted' },
    { rule: 'R4 another history', record: { ...commit, prevHash: 'x' }, gives: 'stop', because: 'fork' },
    { rule: 'R4 a commit of another term', record: { ...commit, term: 2 }, gives: 'stop', because: 'fork' },
    { rule: 'R4 a commit of another writer', record: { ...commit, writer: 'b' }, gives: 'stop', because: 'fork' },
    {
      rule: 'R4 a commit that nobody owns',
      record: { ...commit, seq: 1, term: 0, writer: '', prevHash: begun.hash },
      on: begun,
      gives: 'stop',
      because: 'fork',
    },
    {
      rule: 'R4 a term that does not rise',
      record: { ...term, seq: 2, prevHash: owned.hash },
      gives: 'stop',
      because: 'fork',
    },
    {
      rule: 'R4 a second genesis in the chain',
      record: { ...genesis, seq: 2, prevHash: owned.hash },
      gives: 'stop',
      because: 'fork',
    },
    { rule: 'R4 an unknown kind', record: { ...commit, kind: 'Sidestep' }, gives: 'stop', because: 'damaged' },
    { rule: 'R4 events that are no list', record: { ...commit, events: 'none' }, gives: 'stop', because: 'damaged' },
    { rule: 'R4 an event that is no object', record: { ...commit, events: [1] }, gives: 'stop', because: 'damaged' },
    { rule: 'R4 inputs that are no list', record: { ...commit, inputs: {} }, gives: 'stop', because: 'damaged' },
    {
      rule: 'F11 a fold that this reader lacks',
      record: { ...term, foldVersion: 2 },
      on: begun,
      gives: 'stop',
      because: 'fold-version',
    },
  ];

  it.each(rows)('$rule: $gives $because', ({ record, on = owned, gives, because }) => {
    const [verdict] = read([record], on).verdicts as [Verdict];
    expect([verdict.kind, verdict.kind === 'accepted' ? undefined : verdict.reason]).toEqual([gives, because]);
  });

  it('stops when an offset is missing, whatever the record', () => {
    const verdict = judge(owned, { offset: owned.next + 1, value: encode(commit) }, rules);
    expect(verdict).toMatchObject({ kind: 'stop', reason: 'offset-gap' });
  });

  it('stops when the inputs do not start where the state ends', () => {
    const verdict = judge(
      owned,
      { offset: owned.next, value: encode(commit) },
      { ...rules, inputsFault: () => 'a hole' },
    );
    expect(verdict).toMatchObject({ kind: 'stop', reason: 'fork' });
  });

  it('moves the position by accepted records and the next offset by all', () => {
    const { cursor, verdicts } = read([genesis, term, term, commit, { ...commit, journalId: 'k' }]);
    expect(verdicts.map(({ kind }) => kind)).toEqual(['accepted', 'accepted', 'void', 'accepted', 'void']);
    expect(cursor).toMatchObject({
      next: 5,
      lastOffset: 3,
      seq: 2,
      term: 1,
      writer: 'a',
      hash: sha256(encode(commit)),
      at: 3,
    });
  });

  it('passes over what an operator declared void, at that offset and with those bytes only', () => {
    const fork: JournalRecord = { ...commit, prevHash: 'x' };
    const repaired = { ...rules, repairs: [{ offset: owned.next, hash: sha256(encode(fork)) }] };
    expect(read([fork, commit], owned, repaired).verdicts.map(({ kind }) => kind)).toEqual(['void', 'accepted']);
    expect(read([{ ...fork, at: 7 }], owned, repaired).verdicts[0]).toMatchObject({ kind: 'stop' });
  });

  it('reads an acknowledged offset as ours, as something to read first, or as a log that was lost', () => {
    expect([meaningOfAck(7, 7), meaningOfAck(8, 7), meaningOfAck(6, 7)]).toEqual(['accepted', 'read-on', 'log-lost']);
  });
});
