import { assert } from './assert.js';

/**
 * The canonical binary form of plain values: equal values give equal bytes, on any machine. Object fields are written in
 * code-unit order and `undefined` fields are left out, so a row that was built in another order encodes the same.
 *
 * tag 0 null · 1 false · 2 true · 3 integer (zigzag varint) · 4 double (8 bytes) · 5 string (length, UTF-8) ·
 * 6 array (count, values) · 7 object (count, key, value …) · 8 bytes (length, bytes) · 9 column of unsigned integers and
 * 10 array of integers alone (count, then the difference of each to the one before, zigzag varint)
 */
export type Plain =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Uint32Array
  | readonly Plain[]
  | { readonly [field: string]: Plain | undefined };

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });

export class ByteWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;
  readonly #sorts: boolean;

  /**
   * `canonical`: equal values give equal bytes, however they were built. `as-built`: fields keep their order, so what is read
   * back behaves as what was written even where somebody walks its fields.
   */
  constructor(capacityBytes = 4096, fields: 'canonical' | 'as-built' = 'canonical') {
    this.#sorts = fields === 'canonical';
    this.#bytes = new Uint8Array(capacityBytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  /** A copy of what was written so far. */
  take(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  reset(): void {
    this.#length = 0;
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** Unsigned, up to 2^53 - 1. */
  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  double(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.#length, value);
    this.#length += 8;
  }

  text(value: string): void {
    this.#reserve(value.length * 3 + 8);
    // Most strings are short ASCII: writing them by hand beats the encoder's call.
    if (value.length < 64 && isAscii(value)) {
      this.#bytes[this.#length++] = value.length;
      for (let index = 0; index < value.length; index += 1) this.#bytes[this.#length++] = value.charCodeAt(index);
      return;
    }
    this.bytes(encoder.encode(value));
  }

  bytes(value: Uint8Array): void {
    this.varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  value(value: Plain | undefined): void {
    if (value === null || value === undefined) return this.byte(0);
    switch (typeof value) {
      case 'boolean':
        return this.byte(value ? 2 : 1);
      case 'number':
        return this.#number(value);
      case 'string':
        this.byte(5);
        return this.text(value);
      case 'object':
        if (Array.isArray(value)) return this.#array(value as readonly Plain[]);
        if (value instanceof Uint8Array) {
          this.byte(8);
          return this.bytes(value);
        }
        if (value instanceof Uint32Array) {
          this.byte(9);
          return this.#differences(value);
        }
        return this.#object(value as { readonly [field: string]: Plain | undefined });
      default:
        assert(false, 'not a plain value', { type: typeof value });
    }
  }

  #number(value: number): void {
    if (Number.isSafeInteger(value) && Math.abs(value) < 2 ** 51 && !Object.is(value, -0)) {
      this.byte(3);
      return this.varint(value >= 0 ? value * 2 : -value * 2 - 1);
    }
    this.byte(4);
    this.double(value);
  }

  #array(value: readonly Plain[]): void {
    if (value.length >= INTEGERS_MIN && value.every(isSmallInteger)) {
      this.byte(10);
      return this.#differences(value as readonly number[]);
    }
    this.byte(6);
    this.varint(value.length);
    for (const item of value) this.value(item);
  }

  #differences(values: ArrayLike<number>): void {
    this.varint(values.length);
    let before = 0;
    for (let index = 0; index < values.length; index += 1) {
      const difference = values[index]! - before;
      this.varint(difference >= 0 ? difference * 2 : -difference * 2 - 1);
      before = values[index]!;
    }
  }

  #object(value: { readonly [field: string]: Plain | undefined }): void {
    const fields = Object.keys(value).filter((field) => value[field] !== undefined);
    if (this.#sorts) fields.sort();
    this.byte(7);
    this.varint(fields.length);
    for (const field of fields) {
      this.text(field);
      this.value(value[field]);
    }
  }

  #reserve(bytes: number): void {
    if (this.#length + bytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + bytes));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}

export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #position = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get done(): boolean {
    return this.#position >= this.#bytes.length;
  }

  byte(): number {
    assert(this.#position < this.#bytes.length, 'encoded value ends too early', { position: this.#position });
    return this.#bytes[this.#position++]!;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  double(): number {
    const value = this.#view.getFloat64(this.#position);
    this.#position += 8;
    return value;
  }

  text(): string {
    return decoder.decode(this.bytes());
  }

  bytes(): Uint8Array {
    const length = this.varint();
    assert(this.#position + length <= this.#bytes.length, 'encoded value ends too early', { length });
    const bytes = this.#bytes.subarray(this.#position, this.#position + length);
    this.#position += length;
    return bytes;
  }

  #differences<Column extends Uint32Array | number[]>(values: Column): Column {
    let value = 0;
    for (let index = 0; index < values.length; index += 1) {
      const zigzag = this.varint();
      value += zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
      values[index] = value;
    }
    return values;
  }

  value(): Plain {
    const tag = this.byte();
    switch (tag) {
      case 0:
        return null;
      case 1:
        return false;
      case 2:
        return true;
      case 3: {
        const zigzag = this.varint();
        return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
      }
      case 4:
        return this.double();
      case 5:
        return this.text();
      case 6:
        return Array.from({ length: this.varint() }, () => this.value());
      case 7: {
        const value: Record<string, Plain> = {};
        for (let count = this.varint(); count > 0; count -= 1) {
          const field = this.text();
          // Plain assignment would set the prototype instead of a field when a user's key is `__proto__`.
          if (field === '__proto__')
            Object.defineProperty(value, field, {
              value: this.value(),
              enumerable: true,
              writable: true,
              configurable: true,
            });
          else value[field] = this.value();
        }
        return value;
      }
      case 8:
        return this.bytes().slice();
      case 9:
        return this.#differences(new Uint32Array(this.varint()));
      case 10:
        return this.#differences(new Array<number>(this.varint()));
      default:
        assert(false, 'unknown tag in encoded value', { tag });
    }
  }
}

/** Shorter arrays take no less room as differences. */
const INTEGERS_MIN = 4;

function isSmallInteger(value: Plain): boolean {
  return typeof value === 'number' && Number.isInteger(value) && Math.abs(value) < 2 ** 49 && !Object.is(value, -0);
}

/** The canonical bytes of one value. */
export function encodePlain(value: Plain): Uint8Array {
  const writer = new ByteWriter();
  writer.value(value);
  return writer.take();
}

/** The value of canonical bytes; throws when they are cut off or carry an unknown tag. */
export function decodePlain(bytes: Uint8Array): Plain {
  return new ByteReader(bytes).value();
}

function isAscii(value: string): boolean {
  for (let index = 0; index < value.length; index += 1) if (value.charCodeAt(index) > 0x7f) return false;
  return true;
}
