import { journalTopic } from '@orrery/contracts';
import { InMemoryLog, InMemoryRegistry, ManualClock, noFaults, SeededRandom } from '@orrery/testing';
import { provisionJournal } from '../index.js';

const journal = { topic: journalTopic('services'), partition: 0 };
const cell = { domain: 'services', cell: 0, cells: 1 } as const;

function world(seed = 1, faults = noFaults) {
  const clock = new ManualClock();
  const random = new SeededRandom(seed);
  const log = new InMemoryLog(clock, { random: random.fork('log'), faults: { ...faults } });
  const registry = new InMemoryRegistry();
  const provision = (name = 'p') => provisionJournal({ log, registry, clock, random: random.fork(name) }, cell);
  return { clock, log, registry, provision };
}

describe('provisioning', () => {
  it('writes a genesis once and registers it, however often it is asked', async () => {
    const { clock, log, registry, provision } = world();
    const first = await clock.advanceWhile(provision('a'));
    const second = await clock.advanceWhile(provision('b'));
    expect(second).toEqual(first);
    expect(registry.registered('services', 0)).toEqual(first);
    expect(log.messagesOf(journal)).toHaveLength(1);
  });

  it('agrees on one genesis when many do it at once, on a log that loses, delays and doubles', async () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const faults = {
        ...noFaults,
        lost: 0.3,
        late: 0.2,
        acknowledgementLost: 0.2,
        doubled: 0.2,
        latencyMsMax: 20,
        lateMsMax: 300,
      };
      const { clock, registry, provision } = world(seed, faults);
      const all = await clock.advanceWhile(Promise.all(['a', 'b', 'c'].map((name) => provision(name))));
      expect(new Set(all.map(({ genesisHash }) => genesisHash)).size).toBe(1);
      expect(registry.registered('services', 0)).toEqual(all[0]);
    }
  });

  it('never repairs a topic that was made again', async () => {
    const { clock, log, provision } = world();
    await clock.advanceWhile(provision());
    log.recreate(journal);
    await expect(clock.advanceWhile(provision())).rejects.toThrow('genesis-missing');
    expect(log.messagesOf(journal)).toEqual([]);
  });
});
