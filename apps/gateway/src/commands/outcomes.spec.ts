import type { CommandId } from '@orrery/contracts';
import { Outcomes, type KnownOutcome } from './outcomes.js';

const outcome = (id: string, more: Partial<KnownOutcome> = {}): KnownOutcome => ({
  command: id as CommandId,
  commandType: 't',
  subject: 's',
  bodyDigest: '0',
  status: 'accepted',
  seq: 1,
  at: 1,
  followed: [],
  plans: [],
  journal: 'services-0',
  ...more,
});

describe('the outcomes of commands', () => {
  it('reach whoever waits for them', async () => {
    const outcomes = new Outcomes();
    const waiting = outcomes.next('a').within(60_000);
    outcomes.add(outcome('b'));
    outcomes.add(outcome('a'));
    expect(await waiting).toMatchObject({ command: 'a' });
    expect(await outcomes.next('a').within(0)).toBeUndefined();
  });

  it('keep the first one of an id, and tell a reuse to who caused it', async () => {
    const outcomes = new Outcomes();
    outcomes.add(outcome('a'));
    const reuse = outcomes.next('a');
    outcomes.add(outcome('a', { status: 'refused', seq: 2 }));
    expect(await reuse.within(60_000)).toMatchObject({ status: 'refused' });
    expect(outcomes.get('a')).toMatchObject({ status: 'accepted', seq: 1 });
  });

  it('are bounded: the oldest leave', () => {
    const outcomes = new Outcomes(2);
    for (const id of ['a', 'b', 'c']) outcomes.add(outcome(id));
    expect([outcomes.get('a'), outcomes.get('c')?.command]).toEqual([undefined, 'c']);
  });
});
