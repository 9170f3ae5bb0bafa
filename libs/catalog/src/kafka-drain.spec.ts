import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { compileFunction } from 'node:vm';
import fc from 'fast-check';
import { packagesFolder } from './packages-folder.js';

interface Broker {
  readonly id: number;
  readonly rack: string;
}

interface Topic {
  readonly name: string;
  readonly isInternal: boolean;
  readonly partitions: readonly { readonly index: number; readonly replicas: readonly number[] }[];
}

interface Move {
  readonly topic: string;
  readonly index: number;
  readonly replicas: readonly number[];
}

interface Situation {
  readonly topics: readonly Topic[];
  readonly staying: readonly Broker[];
  readonly underWay: ReadonlySet<string>;
  readonly dropsReplicas: boolean;
}

type Bytes = readonly (number | Bytes)[];

interface Protocol {
  readonly int32: (value: number) => Bytes;
  readonly compactText: (text: string) => Bytes;
  readonly compactList: <Item>(items: readonly Item[] | null, write?: (item: Item) => Bytes) => Bytes;
  readonly flexible: (key: number, version: number, ...body: readonly Bytes[]) => Buffer;
}

/** As Node loads it beside a broker: a text of the package, and no module of ours. */
function loaded<Exports>(name: string): Exports {
  const module = { exports: {} };
  const text = readFileSync(join(packagesFolder, 'kafka', name), 'utf8');
  compileFunction(text, ['module', 'require'])(module, createRequire(import.meta.url));
  return module.exports as Exports;
}

const { movesOf } = loaded<{ readonly movesOf: (situation: Situation) => Move[] }>('drain-moves.cjs');
const { int32, compactText, compactList, flexible } = loaded<Protocol>('protocol.cjs');
const none: ReadonlySet<string> = new Set();
const brokersIn = (...racks: readonly string[]) => racks.map((rack, id) => ({ id, rack }));
const topicOf = (...replicas: readonly (readonly number[])[]): Topic => ({
  ...{ name: 'orders', isInternal: false },
  partitions: replicas.map((each, index) => ({ index, replicas: each })),
});

describe('partitions of a broker that goes', () => {
  it('move to the least loaded broker of a rack that has no replica yet', () => {
    const staying = brokersIn('a', 'a', 'b', 'b');
    const topics = [topicOf([0, 4], [2, 1], [2, 0])];
    expect(movesOf({ topics, staying, underWay: none, dropsReplicas: false })).toEqual([
      { topic: 'orders', index: 0, replicas: [0, 3] },
    ]);
  });

  it('are ordered once, a hundred at a time', () => {
    const staying = brokersIn('a', 'b');
    const topics = [topicOf(...Array.from({ length: 150 }, () => [2]))];
    const underWay = new Set(Array.from({ length: 30 }, (_, index) => `orders-${index}`));
    const moves = movesOf({ topics, staying, underWay, dropsReplicas: false });
    expect(moves.map(({ index }) => index)).toEqual(Array.from({ length: 70 }, (_, at) => at + 30));
  });

  it('stay where there are too few brokers for their replicas, but for those of Kafka itself and where replicas may go', () => {
    const situation = { staying: brokersIn('a', 'b'), underWay: none, dropsReplicas: false };
    const topic = topicOf([2, 1, 0]);
    expect(() => movesOf({ ...situation, topics: [topic] })).toThrow(
      'topic orders has 3 replicas, and 2 brokers stay: keep more of them, or set brokers.drop_replicas',
    );
    const fewer = [expect.objectContaining({ replicas: [1, 0] })];
    expect(movesOf({ ...situation, topics: [{ ...topic, isInternal: true }] })).toEqual(fewer);
    expect(movesOf({ ...situation, topics: [topic], dropsReplicas: true })).toEqual(fewer);
  });

  it('have as many replicas as before, on different brokers that stay, the old ones first', () => {
    const situation = fc.integer({ min: 1, max: 6 }).chain((count) =>
      fc.record({
        racks: fc.array(fc.constantFrom('a', 'b', 'c'), { minLength: count, maxLength: count }),
        replicas: fc.array(fc.uniqueArray(fc.nat(count + 3), { minLength: 1, maxLength: count }), { maxLength: 20 }),
      }),
    );
    fc.assert(
      fc.property(situation, ({ racks, replicas }) => {
        const staying = brokersIn(...racks);
        const moves = movesOf({ topics: [topicOf(...replicas)], staying, underWay: none, dropsReplicas: false });
        const going = replicas.flatMap((each, index) => (each.some((id) => id >= racks.length) ? [index] : []));
        expect(moves.map(({ index }) => index)).toEqual(going);
        for (const { index, replicas: next } of moves) {
          const kept = replicas[index]!.filter((id) => id < racks.length);
          expect(next.slice(0, kept.length)).toEqual(kept);
          expect(new Set(next).size).toBe(replicas[index]!.length);
          expect(next.every((id) => id < racks.length)).toBe(true);
        }
      }),
    );
  });
});

describe("a request of Kafka's later kind", () => {
  it('is laid out as the protocol has it: length, head, compact lists one longer than they are, tags', () => {
    const topics = compactList(['orders'], (topic) => [
      compactText(topic),
      compactList([7], (index) => [int32(index), compactList([1, 258], int32), [0]]),
      [0],
    ]);
    const bytes = flexible(45, 0, int32(30_000), topics);
    const head = [0, 45, 0, 0, 0, 0, 0, 1, 0, 14, ...Buffer.from('orrery-package'), 0];
    const list = [2, 7, ...Buffer.from('orders'), 2, 0, 0, 0, 7, 3, 0, 0, 0, 1, 0, 0, 1, 2, 0, 0];
    const body = [...head, 0, 0, 0x75, 0x30, ...list, 0];
    expect([...bytes]).toEqual([0, 0, 0, body.length, ...body]);
  });

  it('has long lists and none', () => {
    expect(compactList(null)).toEqual([0]);
    expect(compactText('x'.repeat(200)).slice(0, 3)).toEqual([0xc9, 1, 120]);
  });
});
