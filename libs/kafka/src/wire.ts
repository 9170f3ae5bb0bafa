/** Reads the primitives of the Kafka protocol from one answer. */
export class WireReader {
  #at = 0;

  constructor(readonly bytes: Buffer) {}

  get position(): number {
    return this.#at;
  }

  int8(): number {
    return this.bytes.readInt8(this.#at++);
  }

  int16(): number {
    const value = this.bytes.readInt16BE(this.#at);
    this.#at += 2;
    return value;
  }

  int32(): number {
    const value = this.bytes.readInt32BE(this.#at);
    this.#at += 4;
    return value;
  }

  /** Offsets, sizes and times are far below 2^53. */
  int64(): number {
    const value = this.bytes.readInt32BE(this.#at) * 4_294_967_296 + this.bytes.readUInt32BE(this.#at + 4);
    this.#at += 8;
    return value;
  }

  float64(): number {
    const value = this.bytes.readDoubleBE(this.#at);
    this.#at += 8;
    return value;
  }

  string(): string {
    const length = this.int16();
    return length < 0 ? '' : this.take(length).toString('utf8');
  }

  /** Zigzag, up to 32 bits. */
  varint(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.bytes[this.#at++]!;
      value |= (byte & 0x7f) << shift;
      if (!(byte >= 0x80)) return (value >>> 1) ^ -(value & 1);
    }
  }

  /** Zigzag, up to 64 bits, exact below 2^52. */
  varlong(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.bytes[this.#at++]!;
      value += (byte & 0x7f) * factor;
      if (!(byte >= 0x80)) return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
    }
  }

  take(length: number): Buffer {
    const from = this.#at;
    this.#at += length;
    return this.bytes.subarray(from, this.#at);
  }

  array<T>(read: (reader: WireReader) => T): T[] {
    const length = this.int32();
    return Array.from({ length: Math.max(length, 0) }, () => read(this));
  }
}

export function varintBytes(value: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  let bytes = 1;
  while (zigzag >= 0x80) {
    zigzag >>>= 7;
    bytes += 1;
  }
  return bytes;
}

/** Writes `value` at `at` and returns where the next field begins. */
export function writeVarint(bytes: Buffer, value: number, at: number): number {
  let zigzag = ((value << 1) ^ (value >> 31)) >>> 0;
  while (zigzag >= 0x80) {
    bytes[at++] = (zigzag & 0x7f) | 0x80;
    zigzag >>>= 7;
  }
  bytes[at++] = zigzag;
  return at;
}

/** Collects the fields of one request. */
export class WireWriter {
  readonly #parts: Buffer[] = [];

  int8(value: number): this {
    return this.#add(1, (part) => part.writeInt8(value));
  }

  int16(value: number): this {
    return this.#add(2, (part) => part.writeInt16BE(value));
  }

  int32(value: number): this {
    return this.#add(4, (part) => part.writeInt32BE(value));
  }

  int64(value: number): this {
    return this.#add(8, (part) => part.writeBigInt64BE(BigInt(value)));
  }

  float64(value: number): this {
    return this.#add(8, (part) => part.writeDoubleBE(value));
  }

  string(value: string): this {
    const bytes = Buffer.from(value);
    return this.int16(bytes.length).bytes(bytes);
  }

  bytes(value: Buffer): this {
    this.#parts.push(value);
    return this;
  }

  array<T>(items: readonly T[], write: (writer: this, item: T) => void): this {
    this.int32(items.length);
    for (const item of items) write(this, item);
    return this;
  }

  done(): Buffer {
    return Buffer.concat(this.#parts);
  }

  #add(length: number, write: (part: Buffer) => void): this {
    const part = Buffer.allocUnsafe(length);
    write(part);
    return this.bytes(part);
  }
}
