import { streamHeaders } from '@orrery/contracts';
import type { Log, LogMessage, LogReader, TopicPartition } from '@orrery/control-loop';
import { Problem } from '../problem.js';

/** A piece of a stream, as the agent sent it. */
export interface StreamChunk {
  /** Of its first byte in the file. */
  readonly offset: number;
  readonly bytes: Uint8Array;
  readonly end: boolean;
  readonly error?: string;
  /** Of a command: which of its outputs this is, and at its end the exit code. */
  readonly output?: string;
  readonly exit?: number;
  /** Of a command: bytes of its input that it has taken. */
  readonly taken?: number;
  /** Stable, beside an error. */
  readonly code?: string;
}

const STREAMS_MAX = 256;
const BUFFER_BYTES_MAX = 8 * 1024 * 1024;

/** The log topic, read once a partition for all streams that somebody listens to. */
export class LogTail {
  readonly #partitions = new Map<string, TailedPartition>();
  #streams = 0;

  constructor(private readonly log: Pick<Log, 'follow' | 'bounds'>) {}

  /** From now on the chunks of this stream are kept for whoever reads them. */
  async listen(source: TopicPartition, stream: string): Promise<StreamChunks> {
    if (this.#streams >= STREAMS_MAX) {
      throw Problem.of('too-many-streams', `${STREAMS_MAX} streams are open here`, {
        remedy: 'close some, or use another gateway',
      });
    }
    const name = `${source.topic}/${source.partition}`;
    const partition = this.#partitions.get(name) ?? new TailedPartition(this.log, source);
    this.#partitions.set(name, partition);
    this.#streams += 1;
    const chunks = new StreamChunks(() => {
      this.#streams -= 1;
      if (partition.leave(stream) && this.#partitions.get(name) === partition) this.#partitions.delete(name);
    });
    try {
      await partition.join(stream, chunks);
    } catch (error) {
      chunks.close();
      throw error;
    }
    return chunks;
  }
}

/** One partition of the log topic, followed from its end while anybody listens. */
class TailedPartition {
  readonly #streams = new Map<string, StreamChunks>();
  #started: Promise<void> | undefined;
  #reader: LogReader | undefined;

  constructor(
    private readonly log: Pick<Log, 'follow' | 'bounds'>,
    private readonly source: TopicPartition,
  ) {}

  join(stream: string, chunks: StreamChunks): Promise<void> {
    this.#streams.set(stream, chunks);
    this.#started ??= this.#start();
    return this.#started;
  }

  /** True when nobody is left: the partition is no longer followed. */
  leave(stream: string): boolean {
    this.#streams.delete(stream);
    if (this.#streams.size > 0) return false;
    void this.#reader?.stop();
    return true;
  }

  async #start(): Promise<void> {
    const { high } = await this.log.bounds(this.source);
    if (this.#streams.size === 0) return;
    this.#reader = this.log.follow(
      this.source,
      high,
      ({ messages }) => {
        for (const message of messages) this.#deliver(message);
      },
      (error) => {
        for (const chunks of this.#streams.values()) chunks.fail(`the log topic can't be read: ${error.message}`);
      },
    );
  }

  #deliver(message: LogMessage): void {
    const stream = message.headers[streamHeaders.stream] ?? Buffer.from(message.key ?? []).toString();
    this.#streams.get(stream)?.add(chunkOf(message));
  }
}

function chunkOf({ headers, value }: LogMessage): StreamChunk {
  const error = headers[streamHeaders.error];
  const code = headers[streamHeaders.code];
  const output = headers[streamHeaders.output];
  const exit = headers[streamHeaders.exit];
  const taken = headers[streamHeaders.taken];
  return {
    offset: Number(headers[streamHeaders.offset] ?? 0),
    // The bytes are a view into what was fetched for everybody.
    bytes: value === null ? new Uint8Array() : Uint8Array.from(value),
    end: headers[streamHeaders.end] !== undefined || error !== undefined,
    ...(error === undefined ? {} : { error }),
    ...(code === undefined ? {} : { code }),
    ...(output === undefined ? {} : { output }),
    ...(exit === undefined ? {} : { exit: Number(exit) }),
    ...(taken === undefined ? {} : { taken: Number(taken) }),
  };
}

/** What came of one stream and was not read yet; bounded, so a client that does not read ends its own stream only. */
export class StreamChunks {
  #chunks: StreamChunk[] = [];
  #bytes = 0;
  #ended = false;
  #closed = false;
  #wake: (() => void) | undefined;

  constructor(private readonly onClose: () => void) {}

  add(chunk: StreamChunk): void {
    if (this.#ended) return;
    if (this.#bytes + chunk.bytes.byteLength > BUFFER_BYTES_MAX) return this.fail('the client reads too slowly');
    this.#bytes += chunk.bytes.byteLength;
    this.#chunks.push(chunk);
    this.#ended = chunk.end;
    this.#wake?.();
  }

  fail(error: string): void {
    if (this.#ended) return;
    this.#chunks.push({ offset: 0, bytes: new Uint8Array(), end: true, error });
    this.#ended = true;
    this.#wake?.();
  }

  async *read(gone: AbortSignal): AsyncGenerator<StreamChunk> {
    const wake = (): void => this.#wake?.();
    gone.addEventListener('abort', wake);
    try {
      while (!gone.aborted) {
        const chunk = this.#chunks.shift();
        if (chunk === undefined) {
          await new Promise<void>((done) => (this.#wake = done));
          continue;
        }
        this.#bytes -= chunk.bytes.byteLength;
        yield chunk;
        if (chunk.end) return;
      }
    } finally {
      gone.removeEventListener('abort', wake);
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#ended = true;
    this.onClose();
  }
}
