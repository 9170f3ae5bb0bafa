import type { LogMessage, MessageBatch } from '@orrery/control-loop';
import { LogTail } from './log-tail.js';

const chunk = (stream: string, offset: number, text: string, more: object = {}): LogMessage => ({
  offset,
  timestampMs: 0,
  key: Buffer.from(stream),
  headers: { 'orrery-stream': stream, 'orrery-offset': String(offset), ...more },
  value: Buffer.from(text),
});

class TopicDouble {
  follows = 0;
  stops = 0;
  #deliver: ((batch: MessageBatch) => void | Promise<void>) | undefined;
  bounds = async () => ({ low: 0, high: 40 });
  follow = (_: unknown, from: number, onBatch: (batch: MessageBatch) => void | Promise<void>) => {
    expect(from).toBe(40);
    this.follows += 1;
    this.#deliver = onBatch;
    return { stop: async () => void (this.stops += 1) };
  };
  send(...messages: LogMessage[]): void {
    void this.#deliver!({ messages, highWatermark: 100 });
  }
}

const source = { topic: 'orrery.agents.logs', partition: 3 };
const living = () => new AbortController().signal;

describe('the tail of the log topic', () => {
  it('reads a partition once for all who listen, and gives each its own stream until its end', async () => {
    const topic = new TopicDouble();
    const tail = new LogTail(topic);
    const [one, two] = [await tail.listen(source, 'one'), await tail.listen(source, 'two')];
    topic.send(
      chunk('one', 0, 'a'),
      chunk('two', 0, 'x'),
      chunk('three', 0, '?'),
      chunk('one', 1, 'b', { 'orrery-end': '1' }),
    );
    const text: string[] = [];
    for await (const { bytes } of one.read(living())) text.push(Buffer.from(bytes).toString());
    expect(text).toEqual(['a', 'b']);
    one.close();
    expect({ follows: topic.follows, stops: topic.stops }).toEqual({ follows: 1, stops: 0 });
    two.close();
    expect(topic.stops).toBe(1);
  });

  it('ends the stream of a client that does not read, and no other', async () => {
    const topic = new TopicDouble();
    const tail = new LogTail(topic);
    const [slow, quick] = [await tail.listen(source, 'slow'), await tail.listen(source, 'quick')];
    for (let offset = 0; offset < 12; offset += 1) topic.send(chunk('slow', offset, 'x'.repeat(1024 * 1024)));
    topic.send(chunk('quick', 0, 'here', { 'orrery-end': '1' }));
    const [first] = [(await quick.read(living()).next()).value];
    expect(Buffer.from(first!.bytes).toString()).toBe('here');
    let last;
    for await (const each of slow.read(living())) last = each;
    expect(last).toMatchObject({ end: true, error: 'the client reads too slowly' });
  });

  it('tells what the agent could not do', async () => {
    const topic = new TopicDouble();
    const chunks = await new LogTail(topic).listen(source, 'one');
    topic.send(chunk('one', 0, '', { 'orrery-error': 'no such file' }));
    const { value } = await chunks.read(living()).next();
    expect(value).toMatchObject({ end: true, error: 'no such file' });
  });
});
