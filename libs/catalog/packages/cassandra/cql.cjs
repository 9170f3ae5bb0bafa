// A few questions in Cassandra's native protocol: a JVM for each would cost seconds.
const { connect } = require('node:net');

const VERSION = 4;
const ERROR = 0;
const STARTUP = 1;
const QUERY = 7;
const RESULT = 8;
const ROWS = 2;
const CONSISTENCY_ONE = 1;
const HEADER_BYTES = 9;

/** Reads what the protocol writes: numbers, and texts and values behind their lengths. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  int16() {
    return this.bytes.readUInt16BE((this.at += 2) - 2);
  }
  int32() {
    return this.bytes.readInt32BE((this.at += 4) - 4);
  }
  take(length) {
    return length < 0 ? undefined : this.bytes.subarray(this.at, (this.at += length));
  }
  text() {
    return this.take(this.int16()).toString();
  }
  /** Types of columns are known to those who ask. */
  skipType() {
    const type = this.int16();
    if (type === 0) this.text();
    else if (type === 0x20 || type === 0x22) this.skipType();
    else if (type === 0x21) for (let part = 0; part < 2; part++) this.skipType();
    else if (type === 0x30 || type === 0x31) throw new Error('user-defined types and tuples are not read here');
  }
}

function frame(opcode, body) {
  const header = Buffer.alloc(HEADER_BYTES);
  header[0] = VERSION;
  header[4] = opcode;
  header.writeInt32BE(body.length, 5);
  return Buffer.concat([header, body]);
}

const short = (number) => Buffer.from([number >> 8, number & 255]);
const shortText = (text) => Buffer.concat([short(Buffer.byteLength(text)), Buffer.from(text)]);

function queryBody(statement) {
  const length = Buffer.alloc(4);
  length.writeInt32BE(Buffer.byteLength(statement));
  return Buffer.concat([length, Buffer.from(statement), short(CONSISTENCY_ONE), Buffer.from([0])]);
}

function skipTable(reader) {
  reader.text();
  reader.text();
}

/** Rows as objects of raw values; none for what answers without rows. */
function rowsOf(reader) {
  if (reader.int32() !== ROWS) return [];
  const flags = reader.int32();
  const count = reader.int32();
  if ((flags & 2) !== 0) throw new Error('the answer has more than one page');
  const global = (flags & 1) !== 0;
  if (global) skipTable(reader);
  const names = Array.from({ length: count }, () => {
    if (!global) skipTable(reader);
    const name = reader.text();
    reader.skipType();
    return name;
  });
  return Array.from({ length: reader.int32() }, () =>
    Object.fromEntries(names.map((name) => [name, reader.take(reader.int32())])),
  );
}

/** Asks one node; `timeoutMs` is for each answer. Refused by the node or not answered: throws. */
class Session {
  static async open(host, port, timeoutMs) {
    const session = new Session(connect(Number(port), host), timeoutMs);
    try {
      await session.ask(STARTUP, Buffer.concat([short(1), shortText('CQL_VERSION'), shortText('3.0.0')]));
    } catch (error) {
      session.close();
      throw error;
    }
    return session;
  }

  constructor(socket, timeoutMs) {
    this.socket = socket;
    this.timeoutMs = timeoutMs;
    this.received = Buffer.alloc(0);
    socket.on('data', (bytes) => {
      this.received = Buffer.concat([this.received, bytes]);
      if (this.received.length < HEADER_BYTES) return;
      const end = HEADER_BYTES + this.received.readInt32BE(5);
      if (this.received.length < end) return;
      const answer = { opcode: this.received[4], reader: new Reader(this.received.subarray(HEADER_BYTES, end)) };
      this.received = this.received.subarray(end);
      this.settle?.(undefined, answer);
    });
    socket.on('error', (error) => this.settle?.(error));
    socket.on('close', () => this.settle?.(new Error('the node hung up')));
  }

  async query(statement) {
    const { opcode, reader } = await this.ask(QUERY, queryBody(statement));
    if (opcode !== RESULT) throw new Error(`expected a result, found an answer of kind ${opcode}`);
    return rowsOf(reader);
  }

  async ask(opcode, body) {
    const answer = await new Promise((resolve, reject) => {
      const late = setTimeout(() => this.settle(new Error(`no answer within ${this.timeoutMs} ms`)), this.timeoutMs);
      this.settle = (error, found) => {
        clearTimeout(late);
        this.settle = undefined;
        if (error === undefined) resolve(found);
        else reject(error);
      };
      this.socket.write(frame(opcode, body));
    });
    if (answer.opcode !== ERROR) return answer;
    answer.reader.int32();
    throw new Error(answer.reader.text());
  }

  close() {
    this.socket.destroy();
  }
}

const addressOf = (bytes) =>
  bytes.length === 4 ? Array.from(bytes).join('.') : bytes.toString('hex').replace(/(....)(?=.)/g, '$1:');

module.exports = { Session, addressOf };
