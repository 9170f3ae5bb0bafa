import type { JournalRecord } from '@orrery/contracts';
import { toyHosting } from '@orrery/testing';
import { ShardFold } from './shard-fold.js';

const head = { journalId: 'j', prevHash: '', writer: 'w', at: 0 };
const term = (foldVersion: number): JournalRecord =>
  ({ ...head, kind: 'TermStarted', term: 1, seq: 1, foldVersion }) as unknown as JournalRecord;
/** An event as an older format had it: without what this one looks into. */
const older = {
  ...head,
  ...{ kind: 'Commit', term: 1, seq: 2, relayedSeq: -1, inputs: [] },
  events: [{ type: 'Measured', version: 1, cause: {}, data: {} }],
} as unknown as JournalRecord;

const fold = () =>
  new ShardFold({
    ...toyHosting.decider,
    name: 'services',
    foldVersion: 9,
    evolve: (_: object, { data }: { data: { sizes?: readonly number[] } }) => void data.sizes!.length,
  } as never);

describe('a journal of an older format', () => {
  it('stops its reader with a sentence: topic, offset, event, what is wrong and the way out', () => {
    const state = fold();
    state.fold(term(8), { lastOffset: 1 });
    expect(() => state.fold(older, { lastOffset: 12 })).toThrow(
      'unreadable-event: orrery.services.journal: event Measured version 1 at offset 12 (seq 2) was written by fold version 8, ' +
        "and fold version 9 can't read it (Cannot read properties of undefined (reading 'length')): " +
        'go on with the release that wrote this journal, or begin with an empty ORRERY_HOME and other topics',
    );
  });

  it('is told from a bug: what this very version wrote stops it as it is', () => {
    const state = fold();
    state.fold(term(9), { lastOffset: 1 });
    expect(() => state.fold(older, { lastOffset: 12 })).toThrow(TypeError);
  });
});
