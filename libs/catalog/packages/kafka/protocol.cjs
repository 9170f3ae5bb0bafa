// As much of Kafka's own protocol as checks and drains of its nodes ask: each of Kafka's tools starts a JVM of more than a second.
const { connect } = require('node:net');

const CLIENT = Buffer.from('orrery-package');
const METADATA = { key: 3, version: 5 };
const ALL_TOPICS = [255, 255, 255, 255, 0];
/** Of fields that later versions may have. */
const NO_TAGS = [0];

/** Reads what the protocol writes: numbers, texts and lists, whose lengths are variable and one more than they are where it says compact. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  flag() {
    return this.bytes[this.at++] !== 0;
  }
  int8() {
    return this.bytes.readInt8(this.at++);
  }
  int16() {
    return this.bytes.readInt16BE((this.at += 2) - 2);
  }
  int32() {
    return this.bytes.readInt32BE((this.at += 4) - 4);
  }
  int64() {
    return this.bytes.readBigInt64BE((this.at += 8) - 8);
  }
  text() {
    return this.#take(this.int16());
  }
  list(item) {
    return Array.from({ length: Math.max(0, this.int32()) }, item);
  }
  compactText() {
    return this.#take(this.#length() - 1);
  }
  compactList(item) {
    return Array.from({ length: Math.max(0, this.#length() - 1) }, item);
  }
  /** Fields of later versions: passed over. */
  tags() {
    for (let left = this.#length(); left > 0; left--) {
      this.#length();
      this.at += this.#length();
    }
  }
  #length() {
    for (let value = 0, shift = 0; ; shift += 7) {
      const byte = this.bytes[this.at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
    }
  }
  #take(length) {
    return length < 0 ? null : this.bytes.toString('utf8', this.at, (this.at += length));
  }
}

// --- What requests are made of: bytes, as numbers ------------------------------------------------------------------------------

function int32(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return [...bytes];
}

function flag(value) {
  return [value ? 1 : 0];
}

/** Seven bits a byte, the lowest first. */
function varint(value) {
  return value < 128 ? [value] : [(value & 127) | 128, ...varint(value >>> 7)];
}

function compactText(text) {
  const bytes = Buffer.from(text);
  return [...varint(bytes.length + 1), ...bytes];
}

/** Of no list where there is `null`; `write` gives bytes, or lists of lists of them. */
function compactList(items, write) {
  return items === null ? [0] : [...varint(items.length + 1), ...items.map(write).flat(Infinity)];
}

/** A request of the later kind: its head and its body end with tags, and there are none. */
function flexible(key, version, ...body) {
  return request(key, version, [NO_TAGS, ...body, NO_TAGS].flat(Infinity));
}

/** A request with the bytes of its body, behind its length. */
function request(key, version, body) {
  const head = Buffer.alloc(4 + 10);
  head.writeInt32BE(10 + CLIENT.length + body.length, 0);
  head.writeInt16BE(key, 4);
  head.writeInt16BE(version, 6);
  head.writeInt32BE(1, 8);
  head.writeInt16BE(CLIENT.length, 12);
  return Buffer.concat([head, CLIENT, Buffer.from(body)]);
}

/** The answer of a place, HOST:PORT, behind its length and the number of the request; rejects where there is none in time. */
function ask(place, bytes, timeoutMs) {
  return new Promise((resolve, reject) => {
    const at = place.lastIndexOf(':');
    const socket = connect(Number(place.slice(at + 1)), place.slice(0, at));
    const fail = (why) => {
      socket.destroy();
      reject(new Error(`${place} ${why}`));
    };
    let answer = Buffer.alloc(0);
    socket.setTimeout(timeoutMs, () => fail(`did not answer within ${timeoutMs} ms`));
    socket.on('connect', () => socket.write(bytes));
    socket.on('error', ({ message }) => fail(message));
    socket.on('end', () => fail('hung up'));
    socket.on('data', (part) => {
      answer = Buffer.concat([answer, part]);
      if (answer.length < 4 || answer.length < 4 + answer.readInt32BE(0)) return;
      socket.destroy();
      const reader = new Reader(answer.subarray(4));
      reader.int32();
      resolve(reader);
    });
  });
}

/** What a broker knows of all others and of all topics, none of which is made by asking: one Metadata request. */
async function askMetadata(place, timeoutMs) {
  const reader = await ask(place, request(METADATA.key, METADATA.version, ALL_TOPICS), timeoutMs);
  reader.int32();
  const brokers = reader.list(() => {
    const id = reader.int32();
    reader.text();
    reader.int32();
    reader.text();
    return id;
  });
  reader.text();
  const controller = reader.int32();
  const topics = reader.list(() => {
    const [error, name, isInternal] = [reader.int16(), reader.text(), reader.flag()];
    const partitions = reader.list(() => {
      reader.int16();
      const [index, leader] = [reader.int32(), reader.int32()];
      const [replicas, inSync] = [reader.list(() => reader.int32()), reader.list(() => reader.int32())];
      reader.list(() => reader.int32());
      return { index, leader, replicas, inSync };
    });
    return { error, name, isInternal, partitions };
  });
  return { brokers, controller, topics };
}

/** Exit 0: ready; else 1, and why not. */
function end(problem) {
  if (problem !== undefined) console.error(problem);
  process.exit(problem === undefined ? 0 : 1);
}

module.exports = { ask, askMetadata, compactList, compactText, end, flag, flexible, int32, NO_TAGS };
