import { ToyWorld } from '@orrery/testing';

describe('an owner', () => {
  it('decides commands on the state after the ones before, and commits them as one group', async () => {
    const world = new ToyWorld();
    await world.provision();
    await world.host();
    world.send('1', { type: 'Add', counter: 'a', amount: 5 });
    world.send('2', { type: 'Send', counter: 'a', amount: 3, to: 'b' });
    world.send('3', { type: 'Send', counter: 'a', amount: 3, to: 'b' });
    await world.until(() => world.events().length === 5, 'all are decided');
    expect(world.events().map(({ type, data }) => [type, data['command'] ?? data['counter'], data['code']])).toEqual([
      ['CommandAccepted', '1', undefined],
      ['Added', 'a', undefined],
      ['CommandAccepted', '2', undefined],
      ['Sent', 'a', undefined],
      ['CommandRefused', '3', 'too-little'],
    ]);
    expect(world.records().map(({ kind, seq }) => `${kind} ${seq}`)).toEqual([
      'Genesis 0',
      'TermStarted 1',
      'Commit 2',
    ]);
  });
});
