const tables = buildTables();

/** CRC-32C (Castagnoli), four bytes a step. */
export function crc32c(bytes: Uint8Array, from: number, to: number): number {
  const [t0, t1, t2, t3] = tables;
  let crc = 0xffffffff;
  let at = from;
  for (; at + 4 <= to; at += 4) {
    crc ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    crc = t3[crc & 0xff]! ^ t2[(crc >>> 8) & 0xff]! ^ t1[(crc >>> 16) & 0xff]! ^ t0[crc >>> 24]!;
  }
  for (; at < to; at++) crc = t0[(crc ^ bytes[at]!) & 0xff]! ^ (crc >>> 8);
  return ~crc >>> 0;
}

function buildTables(): readonly [Int32Array, Int32Array, Int32Array, Int32Array] {
  const [t0, t1, t2, t3] = [new Int32Array(256), new Int32Array(256), new Int32Array(256), new Int32Array(256)];
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
    t0[byte] = crc;
  }
  for (let byte = 0; byte < 256; byte++) {
    t1[byte] = (t0[byte]! >>> 8) ^ t0[t0[byte]! & 0xff]!;
    t2[byte] = (t1[byte]! >>> 8) ^ t0[t1[byte]! & 0xff]!;
    t3[byte] = (t2[byte]! >>> 8) ^ t0[t2[byte]! & 0xff]!;
  }
  return [t0, t1, t2, t3];
}
