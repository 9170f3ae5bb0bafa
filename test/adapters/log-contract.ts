import type { Log, LogMessage, MessageBatch, OutgoingMessage } from '@orrery/control-loop';
import { eventually } from '@orrery/testing';

export interface OpenLog {
  readonly log: Log;
  /** A topic that nobody has written to. */
  readonly freshTopic: (partitions: number) => Promise<string>;
  readonly close: () => Promise<void>;
}

/** What every log does, in memory and on a broker. */
export function logContract(open: () => Promise<OpenLog>): void {
  let opened: OpenLog;

  beforeAll(async () => {
    opened = await open();
  });
  afterAll(() => opened.close());

  describe('appending', () => appending(() => opened));
  describe('publishing', () => publishing(() => opened));
  describe('following', () => following(() => opened));
  describe('reading', () => reading(() => opened));
}

function appending(opened: () => OpenLog): void {
  it('acknowledges each message with its offset, counted from 0', async () => {
    const { log, freshTopic } = opened();
    const place = { topic: await freshTopic(1), partition: 0 };
    const offsets: number[] = [];
    for (const text of ['a', 'b', 'c']) offsets.push(await log.append(place, message(text)));
    expect(offsets).toEqual([0, 1, 2]);
  });

  it('keeps key, headers and bytes as they were', async () => {
    const { log, freshTopic } = opened();
    const place = { topic: await freshTopic(1), partition: 0 };
    const value = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    await log.append(place, { key: 'größe', headers: { ce_id: 'c-1', why: 'weil – so' }, value });
    await log.append(place, { value: new Uint8Array(0) });
    const [full, bare] = await log.read(place, 0, 2);
    expect(Buffer.from(full!.key!).toString()).toBe('größe');
    expect(full!.headers).toEqual({ ce_id: 'c-1', why: 'weil – so' });
    expect(Buffer.from(full!.value!).equals(value)).toBe(true);
    expect([bare!.key, bare!.headers, bare!.value!.length]).toEqual([null, {}, 0]);
  });

  it('takes a message of a mebibyte', async () => {
    const { log, freshTopic } = opened();
    const place = { topic: await freshTopic(1), partition: 0 };
    expect(await log.append(place, { value: Buffer.alloc(1024 * 1024, 'x') })).toBe(0);
    const [read] = await log.read(place, 0, 1);
    expect(read!.value!.length).toBe(1024 * 1024);
  });

  it('stamps messages with the time of the log, never backwards', async () => {
    const { log, freshTopic } = opened();
    const place = { topic: await freshTopic(1), partition: 0 };
    for (const text of ['a', 'b', 'c']) await log.append(place, message(text));
    const times = (await log.read(place, 0, 3)).map(({ timestampMs }) => timestampMs);
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(Math.abs(times[2]! - Date.now())).toBeLessThan(60_000);
  });
}

function publishing(opened: () => OpenLog): void {
  it('keeps the order of what is published together, a partition', async () => {
    const { log, freshTopic } = opened();
    const topic = await freshTopic(3);
    const together = Array.from({ length: 600 }, (_, n) => ({ ...message(`${n}`), partition: n % 3 }));
    await log.publish(topic, together);
    for (const partition of [0, 1, 2]) {
      const { high } = await log.bounds({ topic, partition });
      const numbers = texts(await log.read({ topic, partition }, 0, high)).map(Number);
      expect(numbers).toEqual(Array.from({ length: 200 }, (_, n) => n * 3 + partition));
    }
  });

  it('loses and mixes nothing when many publish at the same time', async () => {
    const { log, freshTopic } = opened();
    const place = { topic: await freshTopic(1), partition: 0 };
    const publishers = Array.from({ length: 50 }, (_, publisher) =>
      log.publish(
        place.topic,
        Array.from({ length: 20 }, (_, n) => ({ ...message(`${publisher}.${n}`), partition: 0 })),
      ),
    );
    await Promise.all(publishers);
    const all = texts(await log.read(place, 0, 1_000)).map((text) => text.split('.'));
    for (let publisher = 0; publisher < 50; publisher++) {
      const own = all.filter(([by]) => by === `${publisher}`).map(([, n]) => Number(n));
      expect(own).toEqual(Array.from({ length: 20 }, (_, n) => n));
    }
  });
}

function following(opened: () => OpenLog): void {
  it('tells everything from an offset on, dense and in order, what is there and what comes', async () => {
    const { log, freshTopic } = opened();
    const place = { topic: await freshTopic(1), partition: 0 };
    for (let n = 0; n < 50; n++) await log.append(place, message(`${n}`));
    const reader = new Recorder(log, place, 20);
    for (let n = 50; n < 100; n++) await log.append(place, message(`${n}`));
    await reader.hasSeen(80);
    expect(texts(reader.messages)).toEqual(Array.from({ length: 80 }, (_, n) => `${n + 20}`));
    expect(reader.messages.map(({ offset }) => offset)).toEqual(Array.from({ length: 80 }, (_, n) => n + 20));
    for (const { messages, highWatermark } of reader.batches) {
      expect(highWatermark).toBeGreaterThan(messages.at(-1)!.offset);
      expect(highWatermark).toBeLessThanOrEqual(100);
    }
    await reader.stop();
  });

  it('hands over one batch at a time, and a reader that takes its time holds up nobody else', async () => {
    const { log, freshTopic } = opened();
    const topic = await freshTopic(2);
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let inside = 0;
    let overlaps = 0;
    const slow = new Recorder(log, { topic, partition: 0 }, 0, async () => {
      inside += 1;
      if (inside > 1) overlaps += 1;
      await held;
      inside -= 1;
    });
    const quick = new Recorder(log, { topic, partition: 1 }, 0);
    for (let n = 0; n < 200; n++) {
      await log.append({ topic, partition: 0 }, message(`${n}`));
      await log.append({ topic, partition: 1 }, message(`${n}`));
    }
    await quick.hasSeen(200);
    expect(slow.batches.length).toBe(1);
    release();
    await slow.hasSeen(200);
    expect(overlaps).toBe(0);
    await Promise.all([slow.stop(), quick.stop()]);
  });

  it('lets several readers follow one partition, each from its own offset', async () => {
    const { log, freshTopic } = opened();
    const place = { topic: await freshTopic(1), partition: 0 };
    const first = new Recorder(log, place, 0);
    for (let n = 0; n < 30; n++) await log.append(place, message(`${n}`));
    await first.hasSeen(30);
    const second = new Recorder(log, place, 25);
    await log.append(place, message('30'));
    await Promise.all([first.hasSeen(31), second.hasSeen(6)]);
    expect(texts(second.messages)).toEqual(['25', '26', '27', '28', '29', '30']);
    await Promise.all([first.stop(), second.stop()]);
  });

  it('stops a reader whose own code failed, and says why', async () => {
    const { log, freshTopic } = opened();
    const place = { topic: await freshTopic(1), partition: 0 };
    const reader = new Recorder(log, place, 0, () => {
      throw new Error('no use for this');
    });
    await log.append(place, message('a'));
    const error = await eventually(() => reader.error, { withinMs: 10_000, what: 'the reader is told' });
    expect(error.message).toBe('no use for this');
    await log.append(place, message('b'));
    const other = new Recorder(log, place, 0);
    await other.hasSeen(2);
    expect(reader.batches.length).toBe(1);
    await other.stop();
  });

  it('tells nothing after it was stopped', async () => {
    const { log, freshTopic } = opened();
    const place = { topic: await freshTopic(1), partition: 0 };
    const stopped = new Recorder(log, place, 0);
    await log.append(place, message('a'));
    await stopped.hasSeen(1);
    await stopped.stop();
    const other = new Recorder(log, place, 0);
    await log.append(place, message('b'));
    await other.hasSeen(2);
    expect(texts(stopped.messages)).toEqual(['a']);
    await other.stop();
  });
}

function reading(opened: () => OpenLog): void {
  it('gives exactly the range that was asked for', async () => {
    const { log, freshTopic } = opened();
    const place = { topic: await freshTopic(1), partition: 0 };
    await log.publish(
      place.topic,
      Array.from({ length: 100 }, (_, n) => ({ ...message(`${n}`), partition: 0 })),
    );
    expect(texts(await log.read(place, 98, 100))).toEqual(['98', '99']);
    expect(texts(await log.read(place, 7, 10))).toEqual(['7', '8', '9']);
    expect(await log.read(place, 5, 5)).toEqual([]);
  });

  it('rejects a range that is not wholly there', async () => {
    const { log, freshTopic } = opened();
    const place = { topic: await freshTopic(1), partition: 0 };
    await log.append(place, message('a'));
    await expect(log.read(place, 0, 2)).rejects.toThrow();
    await expect(log.read(place, 5, 6)).rejects.toThrow();
  });

  it('knows where a partition begins and ends', async () => {
    const { log, freshTopic } = opened();
    const topic = await freshTopic(2);
    for (const text of ['a', 'b', 'c']) await log.append({ topic, partition: 1 }, message(text));
    expect(await log.bounds({ topic, partition: 0 })).toEqual({ low: 0, high: 0 });
    expect(await log.bounds({ topic, partition: 1 })).toEqual({ low: 0, high: 3 });
  });
}

/** A reader that keeps what it is told. */
export class Recorder {
  readonly batches: MessageBatch[] = [];
  count = 0;
  error: Error | undefined;
  readonly #reader: { stop(): Promise<void> };

  constructor(
    log: Log,
    source: { readonly topic: string; readonly partition: number },
    from: number,
    then: () => void | Promise<void> = () => undefined,
  ) {
    const onBatch = (batch: MessageBatch): void | Promise<void> => {
      this.batches.push(batch);
      this.count += batch.messages.length;
      return then();
    };
    this.#reader = log.follow(source, from, onBatch, (error) => (this.error = error));
  }

  get messages(): LogMessage[] {
    return this.batches.flatMap(({ messages }) => messages);
  }

  async hasSeen(count: number): Promise<void> {
    await eventually(() => this.count >= count, { withinMs: 20_000, everyMs: 1, what: `${count} messages are read` });
  }

  stop(): Promise<void> {
    return this.#reader.stop();
  }
}

export function message(text: string): OutgoingMessage {
  return { value: Buffer.from(text) };
}

export function texts(messages: readonly LogMessage[]): string[] {
  return messages.map(({ value }) => Buffer.from(value!).toString());
}
