import { createRequire } from 'node:module';
import type { LogMessage, OutgoingMessage } from '@orrery/control-loop';
import { crc32c } from './crc32c.js';
import { decodeBatch, encodeBatch, splitBatches } from './record-batch.js';

const load = createRequire(import.meta.url);
const Decoder = load('kafkajs/src/protocol/decoder') as new (bytes: Buffer) => unknown;
const decodeWithKafkajs = load('kafkajs/src/protocol/recordBatch/v0/decoder') as (decoder: unknown) => Promise<{
  records: { offset: string; key: Buffer | null; value: Buffer; headers: Record<string, Buffer>; timestamp: string }[];
}>;

const messages: OutgoingMessage[] = [
  { value: Buffer.from('first') },
  { key: 'a key', headers: { ce_id: 'c-1', 'orrery-reason': 'größer' }, value: Buffer.alloc(300, 7) },
  { key: Buffer.from([0, 0, 0, 0]), value: Buffer.alloc(0) },
];

describe('record batches', () => {
  it('are what a Kafka client decodes', async () => {
    const { records } = await decodeWithKafkajs(new Decoder(encodeBatch(messages, 1_700_000_000_123)));
    expect(records.map(({ offset }) => offset)).toEqual(['0', '1', '2']);
    expect(records.map(({ key }) => key?.toString() ?? null)).toEqual([null, 'a key', '\0\0\0\0']);
    expect(records[1]!.headers['orrery-reason']!.toString()).toBe('größer');
    expect(records[1]!.value.length).toBe(300);
    expect(records[0]!.timestamp).toBe('1700000000123');
  });

  it('come back as they were written, from the wanted offset on', () => {
    const decoded = decodeAll(storedAt(40, encodeBatch(messages, 5_000_000_000_000)), 41);
    expect(decoded).toEqual([
      {
        offset: 41,
        timestampMs: 5_000_000_000_000,
        key: Buffer.from('a key'),
        headers: { ce_id: 'c-1', 'orrery-reason': 'größer' },
        value: Buffer.alloc(300, 7),
      },
      { offset: 42, timestampMs: 5_000_000_000_000, key: Buffer.alloc(4), headers: {}, value: Buffer.alloc(0) },
    ]);
  });

  it('show the time of the log where the log stamps', () => {
    const bytes = encodeBatch(messages, 1_000);
    bytes.writeInt16BE(0x08, 21);
    bytes.writeBigInt64BE(9_000n, 35);
    expect(decodeAll(bytes, 0).map(({ timestampMs }) => timestampMs)).toEqual([9_000, 9_000, 9_000]);
  });

  it('show a transaction marker as a message without a value, so that offsets stay dense', () => {
    const bytes = encodeBatch([messages[1]!], 1_000);
    bytes.writeInt16BE(0x30, 21);
    expect(decodeAll(bytes, 0)).toMatchObject([{ offset: 0, key: null, value: null }]);
  });

  it('are cut at their borders, and a cut-off one is left out', () => {
    const [first, second] = [storedAt(7, encodeBatch(messages, 1)), storedAt(10, encodeBatch(messages, 2))];
    const served = Buffer.concat([first, second, first.subarray(0, 80)]);
    expect(splitBatches(served).map(({ baseOffset, lastOffset }) => [baseOffset, lastOffset])).toEqual([
      [7, 9],
      [10, 12],
    ]);
  });

  it('that nobody here can decompress say so and name the way out', () => {
    const bytes = encodeBatch(messages, 1);
    bytes.writeInt16BE(4, 21);
    expect(() => decodeAll(bytes, 0)).toThrow(/codec 4; set compression.type=uncompressed/);
  });

  it('carry the checksum of RFC 3720', () => {
    expect(crc32c(Buffer.from('123456789'), 0, 9)).toBe(0xe3069283);
  });
});

function storedAt(offset: number, bytes: Buffer): Buffer {
  bytes.writeBigInt64BE(BigInt(offset), 0);
  return bytes;
}

function decodeAll(bytes: Buffer, from: number): LogMessage[] {
  const decoded: LogMessage[] = [];
  for (const batch of splitBatches(bytes)) decodeBatch(batch, from, (message) => decoded.push(message));
  return decoded;
}
