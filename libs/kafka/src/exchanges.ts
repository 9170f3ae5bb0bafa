import type { ClientQuota } from '@orrery/contracts';
import type { TopicPartition } from '@orrery/control-loop';
import { encoded, type WireExchange } from './kafkajs-internals.js';
import { WireReader, WireWriter } from './wire.js';

/**
 * The requests of a log in the versions that every broker since Kafka 2.3 speaks (Produce 7, Fetch 11, ListOffsets 3), and those
 * for client quotas, which came with 2.6 (DescribeClientQuotas 0, AlterClientQuotas 0).
 */

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

export interface Produced {
  readonly partitions: readonly ProducedPartition[];
  /** The client is above its quota: for so long the broker reads nothing more from this connection. */
  readonly throttleMs: number;
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
): WireExchange<Produced> {
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

const CLIENT_ID = 'client-id';
const PRODUCER_BYTE_RATE = 'producer_byte_rate';
const MATCH_EXACT = 0;

export interface QuotaAnswer {
  readonly errorCode: number;
  readonly message: string;
}

/** What a client id may write a second, if anything limits it by its name. */
export function describeQuotaExchange(
  clientId: string,
): WireExchange<QuotaAnswer & { readonly bytesPerSecond: number | undefined }> {
  const body = new WireWriter()
    .array([clientId], (writer, name) => writer.string(CLIENT_ID).int8(MATCH_EXACT).string(name))
    .int8(1);
  return exchange('DescribeClientQuotas', 48, 0, body, (reader) => {
    reader.int32();
    const [errorCode, message] = [reader.int16(), reader.string()];
    const values = reader.array((entry) => {
      readQuotaEntity(entry);
      return entry.array((value) => ({ key: value.string(), rate: value.float64() }));
    });
    const found = values.flat().find(({ key }) => key === PRODUCER_BYTE_RATE);
    return { errorCode, message, bytesPerSecond: found?.rate };
  });
}

export function setQuotaExchange({ clientId, bytesPerSecond }: ClientQuota): WireExchange<QuotaAnswer> {
  const body = new WireWriter()
    .array([clientId], (entry, name) =>
      entry
        .array([name], (writer) => writer.string(CLIENT_ID).string(name))
        .array([bytesPerSecond], (writer, rate) => writer.string(PRODUCER_BYTE_RATE).float64(rate).int8(0)),
    )
    .int8(0);
  return exchange('AlterClientQuotas', 49, 0, body, (reader) => {
    reader.int32();
    const [answer] = reader.array((entry) => {
      const said = { errorCode: entry.int16(), message: entry.string() };
      readQuotaEntity(entry);
      return said;
    });
    return answer!;
  });
}

function readQuotaEntity(reader: WireReader): void {
  reader.array((part) => [part.string(), part.string()]);
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

function readProduced(reader: WireReader): Produced {
  const partitions = readPerPartition(reader, (fields) => {
    const errorCode = fields.int16();
    const baseOffset = fields.int64();
    fields.int64();
    fields.int64();
    return { errorCode, baseOffset };
  });
  return { partitions, throttleMs: reader.int32() };
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
