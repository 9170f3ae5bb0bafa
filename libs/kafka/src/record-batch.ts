import { gunzipSync } from 'node:zlib';
import type { LogMessage, OutgoingMessage } from '@orrery/control-loop';
import { crc32c } from './crc32c.js';
import { varintBytes, WireReader, writeVarint } from './wire.js';

/**
 * Record batches, format 2, the unit in which a broker stores and serves messages:
 * baseOffset 8, length 4, leaderEpoch 4, magic 1, crc 4, attributes 2, lastOffsetDelta 4, firstTimestamp 8, maxTimestamp 8,
 * producerId 8, producerEpoch 2, baseSequence 4, count 4, then the records.
 */
const HEADER_BYTES = 61;
const CRC_FROM = 21;
const COUNT_AT = 57;
const COMPRESSION_MASK = 0x07;
const LOG_APPEND_TIME = 0x08;
const CONTROL = 0x20;
const GZIP = 1;
const INFLATED_BYTES_MAX = 64 * 1024 * 1024;

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/** A batch as it lay in an answer, not yet decoded: decoding waits until somebody takes the messages. */
export interface RawBatch {
  readonly bytes: Buffer;
  readonly baseOffset: number;
  readonly lastOffset: number;
}

/** The batch was written with a codec that this client can't read. The topics forbid it: `compression.type=uncompressed`. */
export class UnreadableBatch extends Error {
  readonly code = 'unreadable-batch';

  constructor(offset: number, codec: number) {
    super(
      `the batch at offset ${offset} is compressed with codec ${codec}; set compression.type=uncompressed on the topic`,
    );
    this.name = 'UnreadableBatch';
  }
}

/** Cuts the records of one partition into batches; a cut-off batch at the end is left for the next fetch. */
export function splitBatches(records: Buffer): RawBatch[] {
  const batches: RawBatch[] = [];
  for (let at = 0; at + HEADER_BYTES <= records.length;) {
    const end = at + 12 + records.readInt32BE(at + 8);
    if (end > records.length) break;
    const baseOffset = records.readInt32BE(at) * 4_294_967_296 + records.readUInt32BE(at + 4);
    batches.push({
      bytes: records.subarray(at, end),
      baseOffset,
      lastOffset: baseOffset + records.readInt32BE(at + 23),
    });
    at = end;
  }
  return batches;
}

/**
 * Decodes a batch and hands its messages from `from` on to `take`. A transaction marker takes an offset too: it is handed on
 * as a message without a value, so that offsets stay dense for readers that check them.
 */
export function decodeBatch(batch: RawBatch, from: number, take: (message: LogMessage) => void): void {
  const header = new WireReader(batch.bytes);
  header.take(CRC_FROM);
  const attributes = header.int16();
  header.int32();
  const firstTimestampMs = header.int64();
  const maxTimestampMs = header.int64();
  const count = batch.bytes.readInt32BE(COUNT_AT);
  const control = (attributes & CONTROL) !== 0;
  const stamped = (attributes & LOG_APPEND_TIME) !== 0;
  const reader = new WireReader(recordBytes(batch, attributes & COMPRESSION_MASK));
  for (let record = 0; record < count; record++) {
    const length = reader.varint();
    const end = reader.position + length;
    reader.int8();
    const timestampMs = firstTimestampMs + reader.varlong();
    const offset = batch.baseOffset + reader.varint();
    if (offset < from) {
      reader.take(end - reader.position);
      continue;
    }
    const key = takeBytes(reader);
    const value = takeBytes(reader);
    const headers = takeHeaders(reader);
    take({
      offset,
      timestampMs: stamped ? maxTimestampMs : timestampMs,
      key: control ? null : key,
      headers,
      value: control ? null : value,
    });
  }
}

/** One batch of these messages, ready to be stored: offsets are relative, the broker sets the first. */
export function encodeBatch(messages: readonly OutgoingMessage[], timestampMs: number): Buffer {
  const records = messages.map((message, index) => measure(message, index));
  const size = records.reduce((sum, record) => sum + varintBytes(record.length) + record.length, HEADER_BYTES);
  const bytes = Buffer.allocUnsafe(size);
  bytes.fill(0, 0, HEADER_BYTES);
  bytes.writeInt32BE(size - 12, 8);
  bytes.writeInt32BE(-1, 12);
  bytes[16] = 2;
  bytes.writeInt32BE(messages.length - 1, 23);
  bytes.writeBigInt64BE(BigInt(timestampMs), 27);
  bytes.writeBigInt64BE(BigInt(timestampMs), 35);
  bytes.fill(0xff, 43, COUNT_AT);
  bytes.writeInt32BE(messages.length, COUNT_AT);
  let at = HEADER_BYTES;
  for (const [index, record] of records.entries()) at = writeRecord(bytes, at, index, record);
  bytes.writeUInt32BE(crc32c(bytes, CRC_FROM, size), 17);
  return bytes;
}

/** About what a message adds to a batch, for bounding batches by bytes. */
export function messageBytes(message: OutgoingMessage): number {
  let bytes = 24 + message.value.length + (message.key === undefined ? 0 : Buffer.byteLength(message.key));
  for (const name in message.headers) bytes += name.length + 4 + Buffer.byteLength(message.headers[name]!);
  return bytes;
}

interface MeasuredRecord {
  readonly length: number;
  readonly key: Uint8Array | undefined;
  readonly value: Uint8Array;
  readonly headers: readonly (readonly [Buffer, Buffer])[];
}

function measure(message: OutgoingMessage, index: number): MeasuredRecord {
  const key = typeof message.key === 'string' ? Buffer.from(message.key) : message.key;
  const headers = Object.entries(message.headers ?? NO_HEADERS).map(
    ([name, value]) => [Buffer.from(name), Buffer.from(value)] as const,
  );
  let length = 2 + varintBytes(index) + fieldBytes(key) + fieldBytes(message.value) + varintBytes(headers.length);
  for (const [name, value] of headers) length += fieldBytes(name) + fieldBytes(value);
  return { length, key, value: message.value, headers };
}

function fieldBytes(field: Uint8Array | undefined): number {
  return field === undefined ? 1 : varintBytes(field.length) + field.length;
}

function writeRecord(bytes: Buffer, from: number, index: number, record: MeasuredRecord): number {
  let at = writeVarint(bytes, record.length, from);
  bytes[at++] = 0;
  at = writeVarint(bytes, 0, at);
  at = writeVarint(bytes, index, at);
  at = writeField(bytes, at, record.key);
  at = writeField(bytes, at, record.value);
  at = writeVarint(bytes, record.headers.length, at);
  for (const [name, value] of record.headers) at = writeField(bytes, writeField(bytes, at, name), value);
  return at;
}

function writeField(bytes: Buffer, from: number, field: Uint8Array | undefined): number {
  if (field === undefined) return writeVarint(bytes, -1, from);
  const at = writeVarint(bytes, field.length, from);
  bytes.set(field, at);
  return at + field.length;
}

function recordBytes(batch: RawBatch, codec: number): Buffer {
  const records = batch.bytes.subarray(HEADER_BYTES);
  if (codec === 0) return records;
  if (codec === GZIP) return gunzipSync(records, { maxOutputLength: INFLATED_BYTES_MAX });
  throw new UnreadableBatch(batch.baseOffset, codec);
}

function takeBytes(reader: WireReader): Buffer | null {
  const length = reader.varint();
  return length < 0 ? null : reader.take(length);
}

function takeHeaders(reader: WireReader): Readonly<Record<string, string>> {
  const count = reader.varint();
  if (count <= 0) return NO_HEADERS;
  const headers: Record<string, string> = {};
  for (let header = 0; header < count; header++) {
    const name = takeBytes(reader)?.toString('utf8') ?? '';
    headers[name] = takeBytes(reader)?.toString('utf8') ?? '';
  }
  return headers;
}
