import { createHash } from 'node:crypto';
import { ByteReader, ByteWriter, type EpochMs, type StatePart, type StateSlices, type UndoLog } from '@orrery/kernel';

/** What is remembered of a command that was decided. */
export interface DecidedCommand {
  /** First 8 bytes of the sha256 of the body, hex. */
  readonly bodyDigest: string;
  readonly notAfter: EpochMs;
  /** Commit that holds the outcome. */
  readonly seq: number;
}

export const WINDOW_COMMANDS_MAX = 2_000_000;

/*
 * An entry is five doubles: two of the id's hash, one of the body's digest, one expiry, one seq (40 bytes). Hash bytes are
 * written as they are; nobody computes with those doubles, they are only moved and compared as integers.
 */
const DOUBLES = 5;
const WORDS = DOUBLES * 2;
const BUCKETS = 4096;
const BUCKETS_A_SWEEP = 64;
const SLICE_BYTES_MIN = 256 * 1024;

/**
 * The ids of commands that may still be repeated: an id seen again with the same body has its outcome already, with another
 * body it is `id-reused`. An id leaves once its command would be refused as `expired` anyway.
 *
 * Two million of them take 80 MiB (a `Map` would take 380): 4,096 sorted runs of numbers, filed by the first 12 bits of the
 * id's hash. A run is short enough to insert into, sweep, undo or encode in microseconds, so nothing here makes a long turn.
 */
export class CommandWindow implements StatePart {
  readonly name = 'loop.window';
  #buckets: (Bucket | undefined)[] = new Array<Bucket | undefined>(BUCKETS);
  #size = 0;
  #undo: UndoLog | undefined;
  #walk: WindowWalk | undefined;

  constructor(readonly sizeMax = WINDOW_COMMANDS_MAX) {}

  get size(): number {
    return this.#size;
  }

  get full(): boolean {
    return this.#size >= this.sizeMax;
  }

  get(commandId: string): DecidedCommand | undefined {
    const id = hashOf(commandId);
    const bucket = this.#buckets[bucketOf(id)];
    const index = bucket?.find(id) ?? -1;
    return index < 0 ? undefined : bucket!.read(index);
  }

  /** Remembers a command; the first outcome of an id stands. */
  add(commandId: string, decided: DecidedCommand): void {
    const id = hashOf(commandId);
    const at = bucketOf(id);
    const bucket = this.#buckets[at] ?? new Bucket();
    if (bucket.find(id) >= 0) return;
    this.#change(at);
    this.#buckets[at] = bucket;
    bucket.insert(id, decided);
    this.#size += 1;
    this.#undo?.push(() => {
      this.#change(at);
      this.#buckets[at]!.remove(id);
      this.#size -= 1;
    });
  }

  /**
   * Drops what expired before `at` from the buckets whose turn it is at this seq. Called once a commit: all buckets have
   * had their turn after 64 commits, and no commit pays for all of them.
   */
  sweep(at: EpochMs, seq: number): void {
    for (let step = 0; step < BUCKETS_A_SWEEP; step += 1) {
      this.#sweepBucket((seq * BUCKETS_A_SWEEP + step) % BUCKETS, at);
    }
  }

  recordTo(undo: UndoLog | undefined): void {
    this.#undo = undo;
  }

  walk(): StateSlices {
    this.#walk = new WindowWalk(
      (at) => this.#buckets[at]?.encode(),
      () => (this.#walk = undefined),
    );
    return this.#walk;
  }

  load(slice: Uint8Array): void {
    const reader = new ByteReader(slice);
    while (!reader.done) {
      const id = reader.bytes();
      const at = bucketOf(id);
      const bucket = (this.#buckets[at] ??= new Bucket());
      const bodyDigest = Buffer.from(reader.bytes()).toString('hex');
      bucket.insert(id, { bodyDigest, notAfter: reader.varint(), seq: reader.varint() });
      this.#size += 1;
    }
  }

  clear(): void {
    this.#buckets = new Array<Bucket | undefined>(BUCKETS);
    this.#size = 0;
  }

  #sweepBucket(at: number, before: EpochMs): void {
    const bucket = this.#buckets[at];
    const kept = bucket?.without(before);
    if (bucket === undefined || kept === undefined) return;
    this.#change(at);
    this.#replace(at, kept);
    this.#undo?.push(() => {
      this.#change(at);
      this.#replace(at, bucket);
    });
  }

  #replace(at: number, bucket: Bucket): void {
    this.#size += bucket.size - (this.#buckets[at]?.size ?? 0);
    this.#buckets[at] = bucket;
  }

  #change(at: number): void {
    this.#walk?.keep(at);
  }
}

/** Entries of one bucket, sorted by the hash of their ids. */
class Bucket {
  #doubles: Float64Array;
  #words: Uint32Array;
  #bytes: Uint8Array;
  #size = 0;

  constructor(capacity = 4) {
    this.#doubles = new Float64Array(capacity * DOUBLES);
    this.#words = new Uint32Array(this.#doubles.buffer);
    this.#bytes = new Uint8Array(this.#doubles.buffer);
  }

  get size(): number {
    return this.#size;
  }

  find(id: Uint8Array): number {
    const index = this.#lowerBound(id);
    return index < this.#size && this.#compare(index, id) === 0 ? index : -1;
  }

  read(index: number): DecidedCommand {
    const start = index * DOUBLES * 8;
    return {
      bodyDigest: Buffer.from(this.#bytes.buffer, start + 16, 8).toString('hex'),
      notAfter: this.#doubles[index * DOUBLES + 3]!,
      seq: this.#doubles[index * DOUBLES + 4]!,
    };
  }

  insert(id: Uint8Array, { bodyDigest, notAfter, seq }: DecidedCommand): void {
    if ((this.#size + 1) * DOUBLES > this.#doubles.length) this.#grow();
    const index = this.#lowerBound(id);
    this.#move(index, this.#size, index + 1);
    const start = index * DOUBLES * 8;
    this.#bytes.set(id, start);
    this.#bytes.set(Buffer.from(bodyDigest.padEnd(16, '0').slice(0, 16), 'hex'), start + 16);
    this.#doubles[index * DOUBLES + 3] = notAfter;
    this.#doubles[index * DOUBLES + 4] = seq;
    this.#size += 1;
  }

  remove(id: Uint8Array): void {
    const index = this.find(id);
    this.#move(index + 1, this.#size, index);
    this.#size -= 1;
  }

  /** A copy without what expired, or nothing when nothing did. */
  without(before: EpochMs): Bucket | undefined {
    let expired = 0;
    for (let index = 0; index < this.#size; index += 1) if (this.#expiredAt(index, before)) expired += 1;
    if (expired === 0) return undefined;
    const kept = new Bucket(Math.max(4, this.#size - expired));
    for (let index = 0; index < this.#size; index += 1) {
      if (this.#expiredAt(index, before)) continue;
      kept.#words.set(this.#words.subarray(index * WORDS, (index + 1) * WORDS), kept.#size * WORDS);
      kept.#size += 1;
    }
    return kept;
  }

  encode(): Uint8Array {
    const writer = new ByteWriter(this.#size * 48 + 16);
    for (let index = 0; index < this.#size; index += 1) {
      const start = index * DOUBLES * 8;
      writer.bytes(this.#bytes.subarray(start, start + 16));
      writer.bytes(this.#bytes.subarray(start + 16, start + 24));
      writer.varint(this.#doubles[index * DOUBLES + 3]!);
      writer.varint(this.#doubles[index * DOUBLES + 4]!);
    }
    return writer.take();
  }

  #expiredAt(index: number, before: EpochMs): boolean {
    return this.#doubles[index * DOUBLES + 3]! < before;
  }

  #lowerBound(id: Uint8Array): number {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#compare(middle, id) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(index: number, id: Uint8Array): number {
    const start = index * DOUBLES * 8;
    for (let byte = 0; byte < 16; byte += 1) {
      const difference = this.#bytes[start + byte]! - id[byte]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  /** Moves entries as words: as doubles, hash bytes that spell a NaN might not survive. */
  #move(from: number, to: number, target: number): void {
    this.#words.copyWithin(target * WORDS, from * WORDS, to * WORDS);
  }

  #grow(): void {
    const doubles = new Float64Array(Math.ceil(this.#doubles.length * 1.5) + DOUBLES);
    const words = new Uint32Array(doubles.buffer);
    words.set(this.#words.subarray(0, this.#size * WORDS));
    this.#doubles = doubles;
    this.#words = words;
    this.#bytes = new Uint8Array(doubles.buffer);
  }
}

/** Encodes bucket by bucket; a bucket about to change before its turn leaves its old bytes first. */
class WindowWalk implements StateSlices {
  readonly #encode: (at: number) => Uint8Array | undefined;
  readonly #end: () => void;
  readonly #kept = new Map<number, Uint8Array | undefined>();
  #bytes: Uint8Array[] = [];
  #length = 0;
  #at = 0;

  constructor(encode: (at: number) => Uint8Array | undefined, end: () => void) {
    this.#encode = encode;
    this.#end = end;
  }

  keep(at: number): void {
    if (at < this.#at || this.#kept.has(at)) return;
    this.#kept.set(at, this.#encode(at));
  }

  next(rowsMax: number): { slice?: Uint8Array; done: boolean } {
    for (let rows = 0; rows < rowsMax && this.#at < BUCKETS; this.#at += 1) {
      const bytes = this.#kept.has(this.#at) ? this.#kept.get(this.#at) : this.#encode(this.#at);
      this.#kept.delete(this.#at);
      rows += 1;
      if (bytes === undefined) continue;
      rows += bytes.length / (DOUBLES * 8);
      this.#bytes.push(bytes);
      this.#length += bytes.length;
      if (this.#length < SLICE_BYTES_MIN) continue;
      this.#at += 1;
      return { slice: this.#takeSlice(), done: false };
    }
    if (this.#at < BUCKETS) return { done: false };
    this.#end();
    return this.#length === 0 ? { done: true } : { slice: this.#takeSlice(), done: true };
  }

  cancel(): void {
    this.#end();
  }

  #takeSlice(): Uint8Array {
    const slice = Buffer.concat(this.#bytes);
    this.#bytes = [];
    this.#length = 0;
    return slice;
  }
}

function hashOf(commandId: string): Uint8Array {
  return createHash('sha256').update(commandId).digest().subarray(0, 16);
}

function bucketOf(id: Uint8Array): number {
  return (id[0]! << 4) | (id[1]! >> 4);
}
