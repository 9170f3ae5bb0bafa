import type { TopicPartition } from '@orrery/control-loop';
import { encoded, type WireExchange } from './kafkajs-internals.js';
import { WireReader, WireWriter } from './wire.js';

/** The three requests of a log in the versions that every broker since Kafka 2.3 speaks: Produce 7, Fetch 11, ListOffsets 3. */

export interface FetchWish extends TopicPartition {
  readonly offset: number;
  readonly maxBytes: number;
}

export interface FetchedPartition extends TopicPartition {
  readonly errorCode: number;
  readonly highWatermark: number;
  readonly records: Buffer;
}

export interface ProducedPartition extends TopicPartition {
  readonly errorCode: number;
  readonly baseOffset: number;
}

const ISOLATION_READ_UNCOMMITTED = 0;
const NO_REPLICA = -1;
const ACKS_ALL = -1;

/**
 * Waits up to `maxWaitMs` for the first byte. Reads up to the high watermark: without transactions that is all that counts,
 * and a transaction that a foreign client leaves open must not hold back a reader.
 */
export function fetchExchange(
  wishes: readonly FetchWish[],
  limits: { readonly maxWaitMs: number; readonly maxBytes: number },
): WireExchange<FetchedPartition[]> {
  const body = new WireWriter()
    .int32(NO_REPLICA)
    .int32(limits.maxWaitMs)
    .int32(1)
    .int32(limits.maxBytes)
    .int8(ISOLATION_READ_UNCOMMITTED)
    .int32(0)
    .int32(-1)
    .array(wishes, (writer, { topic, partition, offset, maxBytes }) =>
      writer.string(topic).int32(1).int32(partition).int32(-1).int64(offset).int64(-1).int32(maxBytes),
    )
    .int32(0)
    .string('');
  return exchange('Fetch', 1, 11, body, readFetched);
}

/** `batches`: at most one a partition. Answered when all in-sync replicas have them. */
export function produceExchange(
  batches: readonly (TopicPartition & { readonly batch: Buffer })[],
  timeoutMs: number,
): WireExchange<ProducedPartition[]> {
  const body = new WireWriter()
    .int16(-1)
    .int16(ACKS_ALL)
    .int32(timeoutMs)
    .array(batches, (writer, { topic, partition, batch }) =>
      writer.string(topic).int32(1).int32(partition).int32(batch.length).bytes(batch),
    );
  return exchange('Produce', 0, 7, body, readProduced);
}

/** `earliest`: the first offset still kept; `latest`: the offset after the last replicated message. */
export function listOffsetExchange(
  { topic, partition }: TopicPartition,
  which: 'earliest' | 'latest',
): WireExchange<{ readonly errorCode: number; readonly offset: number }> {
  const body = new WireWriter()
    .int32(NO_REPLICA)
    .int8(ISOLATION_READ_UNCOMMITTED)
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(partition)
    .int64(which === 'latest' ? -1 : -2);
  return exchange('ListOffsets', 2, 3, body, (reader) => {
    reader.int32();
    const [found] = readPerPartition(reader, (fields) => {
      const errorCode = fields.int16();
      fields.int64();
      return { errorCode, offset: fields.int64() };
    });
    return found!;
  });
}

function readFetched(reader: WireReader): FetchedPartition[] {
  reader.int32();
  reader.int16();
  reader.int32();
  return readPerPartition(reader, (fields) => {
    const errorCode = fields.int16();
    const highWatermark = fields.int64();
    fields.int64();
    fields.int64();
    fields.array((aborted) => [aborted.int64(), aborted.int64()]);
    fields.int32();
    return { errorCode, highWatermark, records: fields.take(Math.max(fields.int32(), 0)) };
  });
}

function readProduced(reader: WireReader): ProducedPartition[] {
  return readPerPartition(reader, (fields) => {
    const errorCode = fields.int16();
    const baseOffset = fields.int64();
    fields.int64();
    fields.int64();
    return { errorCode, baseOffset };
  });
}

function readPerPartition<T>(reader: WireReader, read: (fields: WireReader) => T): (TopicPartition & T)[] {
  const topics = reader.array((fields) => {
    const topic = fields.string();
    return fields.array((entry) => ({ topic, partition: entry.int32(), ...read(entry) }));
  });
  return topics.flat();
}

function exchange<T>(
  apiName: string,
  apiKey: number,
  apiVersion: number,
  body: WireWriter,
  read: (reader: WireReader) => T,
): WireExchange<T> {
  return {
    request: { apiKey, apiVersion, apiName, encode: () => Promise.resolve(encoded(body.done())) },
    response: {
      decode: (payload) => Promise.resolve(read(new WireReader(payload))),
      parse: (decoded) => Promise.resolve(decoded),
    },
    logResponseError: false,
  };
}
