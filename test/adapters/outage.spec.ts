import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { CassandraAway, CassandraHistory, CassandraSnapshots, ensureKeyspace } from '@orrery/cassandra';
import { AppendInDoubt } from '@orrery/control-loop';
import { BrokerAway, KafkajsLog, KafkajsOwnershipHint, type KafkaOptions } from '@orrery/kafka';
import { eventually } from '@orrery/testing';
import { freshTopic } from './infrastructure.js';
import { message, Recorder, texts } from './log-contract.js';
import { PrivateInfrastructure } from './private-infrastructure.js';

describe('when servers go away and come back', () => {
  let infrastructure: PrivateInfrastructure;
  let kafka: KafkaOptions;
  const reachable: boolean[] = [];

  beforeAll(async () => {
    execFileSync(process.execPath, [join('deploy', 'local', 'build.mjs')]);
    infrastructure = await PrivateInfrastructure.start();
    kafka = {
      brokers: infrastructure.addresses.kafka,
      clientId: 'outage',
      onReachable: (now) => reachable.push(now),
    };
  }, 180_000);
  afterAll(() => infrastructure.stop(), 60_000);

  it.each([
    ['killed', 'SIGKILL', undefined],
    ['paused for longer than any request waits', 'SIGSTOP', 'SIGCONT'],
  ] as const)(
    'a log goes on when the broker is %s: readers without a gap, appends done or in doubt, publishers in order',
    async (_what, outage, end) => {
      const log = new KafkajsLog(kafka);
      const topic = await freshTopic(2, kafka);
      const journal = { topic, partition: 0 };
      const reader = new Recorder(log, journal, 0);
      const relayed = new Recorder(log, { topic, partition: 1 }, 0);
      const traffic = new Traffic(log, topic);
      await traffic.hasDone(100);
      reachable.length = 0;
      infrastructure.signal('kafka', outage);
      await eventually(() => reachable.includes(false), { withinMs: 20_000, what: 'the outage is told' });
      if (end !== undefined) infrastructure.signal('kafka', end);
      await traffic.hasDone(traffic.acknowledged.size + 100);
      await traffic.stop();
      const { high } = await log.bounds(journal);
      await reader.hasSeen(high);
      expect(reader.messages.map(({ offset }) => offset)).toEqual(Array.from({ length: high }, (_, n) => n));
      const journalTexts = texts(reader.messages);
      for (const [text, offset] of traffic.acknowledged) expect(journalTexts[offset]).toBe(text);
      const unacknowledged = journalTexts.filter((text) => !traffic.acknowledged.has(text));
      expect(unacknowledged.filter((text) => !traffic.inDoubt.has(text))).toEqual([]);
      await relayed.hasSeen((await log.bounds({ topic, partition: 1 })).high);
      expect(withoutRepeats(texts(relayed.messages))).toEqual(traffic.published);
      expect(reachable.at(-1)).toBe(true);
      expect(reader.error ?? relayed.error).toBeUndefined();
      await Promise.all([reader.stop(), relayed.stop()]);
      await log.close();
    },
    180_000,
  );

  it('the hint is the same after the broker was killed', async () => {
    const topic = await freshTopic(3, kafka);
    const told: string[] = [];
    const hint = new KafkajsOwnershipHint(kafka, { groupId: `${topic}-owners`, topic, cells: 3 });
    const second = new KafkajsOwnershipHint(kafka, { groupId: `${topic}-owners`, topic, cells: 3 });
    try {
      await hint.start((cells) => told.push([...cells].join()));
      await eventually(() => told.length === 1, { withinMs: 10_000, what: 'all cells are given' });
      expect(told).toEqual(['0,1,2']);
      infrastructure.signal('kafka', 'SIGKILL');
      const other: string[] = [];
      await second.start((cells) => other.push([...cells].join()));
      // Which of them keeps two cells depends on who joined the group of the new broker first.
      const shares = () => [told.at(-1), other.at(-1)].map((cells) => (cells ?? '').split(',').filter(Boolean));
      const isShared = () => shares().every((cells) => cells.length > 0) && shares().flat().sort().join() === '0,1,2';
      await eventually(isShared, { withinMs: 90_000, what: 'both have a share, and together every cell once' });
    } finally {
      await Promise.all([hint.stop(), second.stop()]);
    }
  }, 180_000);

  it('history and snapshots say that Cassandra is away, and go on with the same clients when it is back', async () => {
    const options = {
      ...infrastructure.addresses,
      contactPoints: infrastructure.addresses.cassandra,
      keyspace: 'outage',
    };
    await ensureKeyspace(options);
    const history = new CassandraHistory(options);
    const snapshots = new CassandraSnapshots(options);
    await history.savePosition('historian', { journal: 'services/0', seq: 1, cursor: '{}' });
    infrastructure.signal('cassandra', 'SIGKILL');
    const fails = (): Promise<boolean> =>
      history.positions('historian').then(
        () => false,
        (error) => error instanceof CassandraAway,
      );
    await eventually(fails, { withinMs: 20_000, what: 'it is told that Cassandra is away' });
    const late = new CassandraHistory(options);
    await expect(late.positions('historian')).rejects.toBeInstanceOf(CassandraAway);
    const position = await eventually(() => history.position('historian', 'services/0'), {
      withinMs: 60_000,
      everyMs: 200,
      what: 'Cassandra is back',
    });
    expect(position.seq).toBe(1);
    await eventually(() => late.position('historian', 'services/0'), {
      withinMs: 20_000,
      everyMs: 200,
      what: 'a client that began in the outage gets through',
    });
    expect(await snapshots.listManifests({ domain: 'services', cell: 0 })).toEqual([]);
    await Promise.all([history.close(), late.close(), snapshots.close()]);
  }, 180_000);
});

/** Appends to partition 0 one at a time, each text once, and publishes to partition 1, each text until it is taken. */
class Traffic {
  readonly acknowledged = new Map<string, number>();
  readonly inDoubt = new Set<string>();
  readonly published: string[] = [];
  readonly #log: KafkajsLog;
  readonly #topic: string;
  readonly #running: Promise<unknown>;
  #stopping = false;

  constructor(log: KafkajsLog, topic: string) {
    this.#log = log;
    this.#topic = topic;
    this.#running = Promise.all([this.#append(), this.#publish()]);
  }

  async hasDone(appends: number): Promise<void> {
    await eventually(() => this.acknowledged.size >= appends, {
      withinMs: 60_000,
      what: `${appends} appends are done`,
    });
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    await this.#running;
  }

  async #append(): Promise<void> {
    for (let n = 0; !this.#stopping; n++) {
      const text = `append ${n}`;
      try {
        this.acknowledged.set(text, await this.#log.append({ topic: this.#topic, partition: 0 }, message(text)));
      } catch (error) {
        if (!(error instanceof AppendInDoubt)) throw error;
        this.inDoubt.add(text);
      }
    }
  }

  async #publish(): Promise<void> {
    for (let n = 0; !this.#stopping; n++) {
      const text = `publish ${n}`;
      while (!(await this.#taken(text)));
      this.published.push(text);
    }
  }

  async #taken(text: string): Promise<boolean> {
    try {
      await this.#log.publish(this.#topic, [{ ...message(text), partition: 1 }]);
      return true;
    } catch (error) {
      if (!(error instanceof BrokerAway)) throw error;
      return false;
    }
  }
}

function withoutRepeats(all: readonly string[]): string[] {
  return [...new Set(all)];
}
