import { beginning, type Position } from '../position.js';
import { EventRing } from './event-ring.js';
import {
  linesOfJson,
  serverSentEvents,
  streamEvents,
  type EventStreamOptions,
  type StreamSink,
} from './event-stream.js';
import type { StreamedCommit } from './streamed-commit.js';

const commit = (seq: number, size = 10): StreamedCommit => ({
  journal: 'services-0',
  seq,
  at: seq,
  decided: [],
  events: [
    {
      type: `E${seq}`,
      pods: [],
      services: ['hello'],
      json: JSON.stringify({ type: `E${seq}`, fill: 'x'.repeat(size) }),
    },
  ],
  outcomes: [],
});
const at = (seq: number): Position => ({ journals: new Map([['services-0', seq]]), commands: new Map() });

class TextSink implements StreamSink {
  text = '';
  constructor(private readonly drains = true) {}
  async write(text: string): Promise<boolean> {
    this.text += text;
    return this.drains;
  }
  get types(): string[] {
    return this.text
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => (JSON.parse(line) as { type: string }).type);
  }
}

const noCatchUp = async function* (): AsyncGenerator<StreamedCommit[]> {};
const options = (more: Partial<EventStreamOptions>): EventStreamOptions => ({
  from: beginning,
  filter: {},
  format: linesOfJson,
  signal: new AbortController().signal,
  ...more,
});

describe('a stream of events', () => {
  it('sends what the ring holds from its position on, and ends where it should', async () => {
    const ring = new EventRing(at(-1));
    for (let seq = 0; seq < 5; seq += 1) ring.append(commit(seq));
    const sink = new TextSink();
    await streamEvents({ ring, catchUp: noCatchUp }, sink, options({ from: at(1), until: at(4) }));
    expect(sink.types).toEqual(['E2', 'E3', 'E4']);
  });

  it('goes on with what comes until its client is gone', async () => {
    const ring = new EventRing(at(-1));
    const gone = new AbortController();
    const sink = new TextSink();
    const streaming = streamEvents({ ring, catchUp: noCatchUp }, sink, options({ from: at(-1), signal: gone.signal }));
    ring.append(commit(0));
    ring.append(commit(1));
    while (!sink.text.includes('E1')) await new Promise((turn) => setImmediate(turn));
    gone.abort();
    await streaming;
    expect(sink.types).toEqual(['E0', 'E1']);
  });

  it('reads what is older than the ring elsewhere, and misses nothing on the way back', async () => {
    const ring = new EventRing(at(-1), 1000);
    for (let seq = 0; seq < 50; seq += 1) ring.append(commit(seq, 100));
    const catchUp = async function* () {
      for (let seq = 0; seq < 48; seq += 8) yield Array.from({ length: 8 }, (_, index) => commit(seq + index));
    };
    const sink = new TextSink();
    await streamEvents({ ring, catchUp }, sink, options({ from: at(10), until: at(49) }));
    expect(sink.types).toEqual(Array.from({ length: 39 }, (_, index) => `E${index + 11}`));
  });

  it('ends a client that does not drain with an event that names its position', async () => {
    const ring = new EventRing(at(-1));
    for (let seq = 0; seq < 3; seq += 1) ring.append(commit(seq, 100_000));
    const sink = new TextSink(false);
    await streamEvents({ ring, catchUp: noCatchUp }, sink, options({ from: at(-1) }));
    expect(sink.types).toEqual(['E0', 'stream-ended']);
    const last = JSON.parse(sink.text.trim().split('\n').at(-1)!) as { position: string };
    expect(Buffer.from(last.position, 'base64url').toString()).toBe('1;services-0=0;;');
  });

  it('is server-sent events where those are asked for', async () => {
    const ring = new EventRing(at(-1));
    ring.append(commit(0));
    const sink = new TextSink();
    await streamEvents(
      { ring, catchUp: noCatchUp },
      sink,
      options({ from: at(-1), until: at(0), format: serverSentEvents }),
    );
    expect(sink.text).toMatch(/^id: (\S+)\nevent: E0\ndata: \{"position":"\1","type":"E0",.*\}\n\n$/);
  });
});
