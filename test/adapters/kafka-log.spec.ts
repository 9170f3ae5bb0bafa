import { gzipSync } from 'node:zlib';
import { KafkajsLog, KafkajsTopics } from '@orrery/kafka';
import { eventually } from '@orrery/testing';
import kafkajs from 'kafkajs';
import { declaration, freshName, freshTopic, kafka } from './infrastructure.js';
import { message, Recorder, texts } from './log-contract.js';

const client = new kafkajs.Kafka({ ...kafka, brokers: [...kafka.brokers], logLevel: kafkajs.logLevel.NOTHING });

describe('a log on Kafka', () => {
  let log: KafkajsLog;

  beforeAll(() => {
    log = new KafkajsLog(kafka);
  });
  afterAll(() => log.close());

  it('refuses a message that is too large for the topic, and does not call it in doubt', async () => {
    const name = freshName('adapters');
    await new KafkajsTopics(kafka).ensureTopics([declaration(name, { maxMessageBytes: 1_000 })]);
    const append = log.append({ topic: name, partition: 0 }, { value: Buffer.alloc(2_000) });
    await expect(append).rejects.toMatchObject({ code: 'log-refused', message: expect.stringContaining('too large') });
    const publish = log.publish(name, [{ partition: 0, value: Buffer.alloc(2_000) }]);
    await expect(publish).rejects.toMatchObject({ code: 'log-refused' });
    expect(await log.append({ topic: name, partition: 0 }, message('small'))).toBe(0);
  });

  it.each([5, -1])('tells a reader that the log does not hold offset %i, and never goes elsewhere', async (offset) => {
    const place = { topic: await freshTopic(1), partition: 0 };
    for (const text of ['a', 'b', 'c']) await log.append(place, message(text));
    const reader = new Recorder(log, place, offset);
    const error = await eventually(() => reader.error, { withinMs: 10_000, what: 'the reader is told' });
    expect(error).toMatchObject({ code: 'offset-out-of-range' });
    expect(reader.messages).toEqual([]);
  });

  it('tells a reader whose position was deleted', async () => {
    const place = { topic: await freshTopic(1), partition: 0 };
    for (const text of ['a', 'b', 'c']) await log.append(place, message(text));
    await withAdmin(async (admin) => {
      await admin.fetchTopicMetadata({ topics: [place.topic] });
      await admin.deleteTopicRecords({ topic: place.topic, partitions: [{ partition: 0, offset: '2' }] });
    });
    expect(await log.bounds(place)).toEqual({ low: 2, high: 3 });
    const reader = new Recorder(log, place, 1);
    await eventually(() => reader.error, { withinMs: 10_000, what: 'the reader is told' });
    await expect(log.read(place, 1, 3)).rejects.toMatchObject({ code: 'offset-out-of-range' });
    expect(texts(await log.read(place, 2, 3))).toEqual(['c']);
  });

  it('reads what other clients compress', async () => {
    const place = { topic: await freshTopic(1), partition: 0 };
    const messages = Array.from({ length: 50 }, (_, n) => ({ value: `${n}`.padStart(200, '0') }));
    const producer = client.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner });
    await producer.connect();
    await producer.send({ topic: place.topic, messages, compression: kafkajs.CompressionTypes.GZIP });
    await producer.disconnect();
    expect(texts(await log.read(place, 0, 50)).map(Number)).toEqual(Array.from({ length: 50 }, (_, n) => n));
    expect(gzipSync(messages[0]!.value).length).toBeLessThan(200);
  });

  it('shows the marker of a foreign transaction as a message without a value, and waits for none to end', async () => {
    const place = { topic: await freshTopic(1), partition: 0 };
    const producer = client.producer({
      createPartitioner: kafkajs.Partitioners.DefaultPartitioner,
      transactionalId: freshName('transaction'),
      maxInFlightRequests: 1,
      idempotent: true,
    });
    await producer.connect();
    const transaction = await producer.transaction();
    await transaction.send({ topic: place.topic, messages: [{ value: 'undecided' }] });
    await log.append(place, message('behind it'));
    const reader = new Recorder(log, place, 0);
    await reader.hasSeen(2);
    await transaction.commit();
    await reader.hasSeen(3);
    expect(reader.messages.map(({ offset }) => offset)).toEqual([0, 1, 2]);
    expect(reader.messages[2]).toMatchObject({ key: null, value: null });
    await reader.stop();
    await producer.disconnect();
  });

  it('starts a new reader at once while all others wait for something to happen', async () => {
    const topic = await freshTopic(4);
    const waiting = [0, 1, 2].map((partition) => new Recorder(log, { topic, partition }, 0));
    await log.append({ topic, partition: 3 }, message('there already'));
    await log.append({ topic, partition: 0 }, message('wakes all'));
    await waiting[0]!.hasSeen(1);
    const startedAtMs = performance.now();
    const added = new Recorder(log, { topic, partition: 3 }, 0);
    await added.hasSeen(1);
    expect(performance.now() - startedAtMs).toBeLessThan(150);
    await Promise.all([...waiting, added].map((reader) => reader.stop()));
  });

  it('delivers within milliseconds and folds hundreds of thousands of small records a second', async () => {
    const place = { topic: await freshTopic(1), partition: 0 };
    const count = 300_000;
    const value = Buffer.alloc(200, 'v');
    for (let sent = 0; sent < count; sent += 20_000) {
      await log.publish(
        place.topic,
        Array.from({ length: 20_000 }, () => ({ partition: 0, value })),
      );
    }
    const startedAtMs = performance.now();
    const reader = new Recorder(log, place, 0);
    await reader.hasSeen(count);
    const perSecond = count / ((performance.now() - startedAtMs) / 1_000);
    const latencies: number[] = [];
    for (let n = 1; n <= 200; n++) {
      const sentAtMs = performance.now();
      await log.append(place, message(`${n}`));
      await reader.hasSeen(count + n);
      latencies.push(performance.now() - sentAtMs);
    }
    await reader.stop();
    latencies.sort((a, b) => a - b);
    expect(perSecond).toBeGreaterThan(200_000);
    expect(latencies[100]).toBeLessThan(20);
  });
});

async function withAdmin(use: (admin: ReturnType<typeof client.admin>) => Promise<unknown>): Promise<void> {
  const admin = client.admin();
  await admin.connect();
  await use(admin);
  await admin.disconnect();
}
