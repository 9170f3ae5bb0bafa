import { hash } from 'node:crypto';
import { ByteReader, ByteWriter, type EpochMs, type StatePart, type StateSlices, type UndoLog } from '@orrery/kernel';

/** What is remembered of a command that was decided. */
export interface DecidedCommand {
  /** First 8 bytes of the sha256 of the body, hex. */
  readonly bodyDigest: string;
  readonly notAfter: EpochMs;
  /** Commit that holds the outcome. */
  readonly seq: number;
}

const COMMANDS_MAX = 2_000_000;

const ENTRY_BYTES = 40;
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

  constructor(readonly sizeMax = COMMANDS_MAX) {}

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

/**
 * Entries of one bucket, sorted by the hash of their ids. An entry takes 40 bytes: 16 of the id's hash, 8 of the body's
 * digest, expiry and seq as doubles.
 */
class Bucket {
  #bytes: Buffer;
  #size = 0;

  constructor(capacity = 8) {
    this.#bytes = Buffer.allocUnsafeSlow(capacity * ENTRY_BYTES);
  }

  get size(): number {
    return this.#size;
  }

  find(id: Uint8Array): number {
    const index = this.#lowerBound(id);
    return index < this.#size && this.#compare(index, id) === 0 ? index : -1;
  }

  read(index: number): DecidedCommand {
    const start = index * ENTRY_BYTES;
    return {
      bodyDigest: this.#bytes.toString('hex', start + 16, start + 24),
      notAfter: this.#bytes.readDoubleLE(start + 24),
      seq: this.#bytes.readDoubleLE(start + 32),
    };
  }

  insert(id: Uint8Array, { bodyDigest, notAfter, seq }: DecidedCommand): void {
    if ((this.#size + 1) * ENTRY_BYTES > this.#bytes.length) this.#grow();
    const index = this.#lowerBound(id);
    const start = index * ENTRY_BYTES;
    this.#bytes.copyWithin(start + ENTRY_BYTES, start, this.#size * ENTRY_BYTES);
    this.#bytes.set(id, start);
    // The journal is believed, but a digest of another length must not leave old bytes behind.
    this.#bytes.fill(0, start + 16, start + 24);
    this.#bytes.write(bodyDigest, start + 16, 8, 'hex');
    this.#bytes.writeDoubleLE(notAfter, start + 24);
    this.#bytes.writeDoubleLE(seq, start + 32);
    this.#size += 1;
  }

  remove(id: Uint8Array): void {
    const start = this.find(id) * ENTRY_BYTES;
    this.#bytes.copyWithin(start, start + ENTRY_BYTES, this.#size * ENTRY_BYTES);
    this.#size -= 1;
  }

  /** A copy without what expired, or nothing when nothing did. */
  without(before: EpochMs): Bucket | undefined {
    let expired = 0;
    for (let index = 0; index < this.#size; index += 1) if (this.#expiredAt(index, before)) expired += 1;
    if (expired === 0) return undefined;
    const kept = new Bucket(Math.max(8, this.#size - expired));
    for (let index = 0; index < this.#size; index += 1) {
      if (this.#expiredAt(index, before)) continue;
      const start = index * ENTRY_BYTES;
      this.#bytes.copy(kept.#bytes, kept.#size * ENTRY_BYTES, start, start + ENTRY_BYTES);
      kept.#size += 1;
    }
    return kept;
  }

  encode(): Uint8Array {
    const writer = new ByteWriter(this.#size * (ENTRY_BYTES + 8) + 16);
    for (let index = 0; index < this.#size; index += 1) {
      const start = index * ENTRY_BYTES;
      writer.bytes(this.#bytes.subarray(start, start + 16));
      writer.bytes(this.#bytes.subarray(start + 16, start + 24));
      writer.varint(this.#bytes.readDoubleLE(start + 24));
      writer.varint(this.#bytes.readDoubleLE(start + 32));
    }
    return writer.take();
  }

  #expiredAt(index: number, before: EpochMs): boolean {
    return this.#bytes.readDoubleLE(index * ENTRY_BYTES + 24) < before;
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
    const start = index * ENTRY_BYTES;
    for (let byte = 0; byte < 16; byte += 1) {
      const difference = this.#bytes[start + byte]! - id[byte]!;
      if (difference !== 0) return difference;
    }
    return 0;
  }

  #grow(): void {
    const bytes = Buffer.allocUnsafeSlow(Math.ceil((this.#size * 3) / 2 + 1) * ENTRY_BYTES);
    this.#bytes.copy(bytes, 0, 0, this.#size * ENTRY_BYTES);
    this.#bytes = bytes;
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
      rows += bytes.length / ENTRY_BYTES;
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

/** An id is looked up, decided on and remembered in a row: its hash is computed once. */
let lastId = '';
let lastHash: Uint8Array = new Uint8Array(16);

function hashOf(commandId: string): Uint8Array {
  if (commandId === lastId) return lastHash;
  lastId = commandId;
  lastHash = hash('sha256', commandId, 'buffer').subarray(0, 16);
  return lastHash;
}

function bucketOf(id: Uint8Array): number {
  return (id[0]! << 4) | (id[1]! >> 4);
}
