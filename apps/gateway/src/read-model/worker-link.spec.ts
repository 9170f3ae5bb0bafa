import { MessageChannel } from 'node:worker_threads';
import { CassandraAway } from '@orrery/cassandra';
import { Problem } from '../problem.js';
import { LinkClient, serveLink } from './worker-link.js';

describe('the link between two threads', () => {
  let channel: MessageChannel;
  let client: LinkClient;
  let pushed: unknown[];
  let ended: string[];

  beforeEach(() => {
    channel = new MessageChannel();
    pushed = [];
    ended = [];
    const push = serveLink(channel.port1, {
      calls: {
        double: (number: number) => number * 2,
        refuse: async () => {
          throw Problem.of('unknown-task', 'no task', { remedy: 'look' });
        },
        away: async () => {
          throw new CassandraAway(new Error('refused'));
        },
        push: () => push('topic', 'value'),
      },
      streams: {
        count: async function* (from: number, signal: AbortSignal) {
          signal.addEventListener('abort', () => ended.push('aborted'));
          try {
            for (let number = from; number < from + 1000; number += 1) yield number;
          } finally {
            ended.push('returned');
          }
        },
      },
    });
    client = new LinkClient(channel.port2, (topic, value) => pushed.push([topic, value]));
  });

  afterEach(() => {
    channel.port1.close();
    channel.port2.close();
  });

  it('carries calls, pushes and problems', async () => {
    expect(await client.call('double', 21)).toBe(42);
    await expect(client.call('refuse', null)).rejects.toMatchObject({
      code: 'unknown-task',
      details: { remedy: 'look' },
    });
    await expect(client.call('away', null)).rejects.toMatchObject({ code: 'history-away' });
    await client.call('push', null);
    expect(pushed).toEqual([['topic', 'value']]);
  });

  it('carries a stream at the pace of its reader, and ends it on the other side when the reader leaves', async () => {
    const seen: number[] = [];
    for await (const number of client.stream<number>('count', 5, new AbortController().signal)) {
      seen.push(number);
      if (seen.length === 3) break;
    }
    expect(seen).toEqual([5, 6, 7]);
    await client.call('double', 1);
    expect(ended).toEqual(['aborted', 'returned']);
  });

  it('ends a stream whose reader is gone', async () => {
    const gone = new AbortController();
    for await (const number of client.stream<number>('count', 0, gone.signal)) if (number === 2) gone.abort();
    await client.call('double', 1);
    expect(ended).toContain('returned');
  });

  it('tells everybody when the other side broke', async () => {
    const waiting = client.call('double', 1);
    client.break(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    await expect(client.call('double', 1)).rejects.toThrow('gone');
  });
});
