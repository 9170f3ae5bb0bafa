// Ready: the controllers count this broker in, and no partition of the cluster lacks a replica. One Metadata request of
// Kafka's own protocol, since each of Kafka's tools starts a JVM of more than a second.
const { connect } = require('node:net');

const METADATA = 3;
const VERSION = 5;
const UNDER_REPLICATED_MAX = Number('<%readiness.under_replicated_max%>');
const self = Number(process.env.ORRERY_POD_INDEX);

/** Reads what the protocol writes: numbers, strings and lists behind their lengths. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  int16() {
    return this.bytes.readInt16BE((this.at += 2) - 2);
  }
  int32() {
    return this.bytes.readInt32BE((this.at += 4) - 4);
  }
  flag() {
    return this.bytes[this.at++] !== 0;
  }
  text() {
    const length = this.int16();
    return length < 0 ? null : this.bytes.toString('utf8', this.at, (this.at += length));
  }
  list(item) {
    return Array.from({ length: Math.max(0, this.int32()) }, item);
  }
}

function request() {
  const client = Buffer.from('orrery-ready');
  const bytes = Buffer.alloc(4 + 8 + 2 + client.length + 4 + 1);
  let at = bytes.writeInt32BE(bytes.length - 4, 0);
  at = bytes.writeInt16BE(METADATA, at);
  at = bytes.writeInt16BE(VERSION, at);
  at = bytes.writeInt32BE(1, at);
  at = bytes.writeInt16BE(client.length, at);
  at += client.copy(bytes, at);
  at = bytes.writeInt32BE(-1, at);
  bytes.writeInt8(0, at);
  return bytes;
}

function judge(bytes) {
  const reader = new Reader(bytes);
  reader.int32();
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
  const partitions = reader
    .list(() => {
      reader.int16();
      const topic = reader.text();
      reader.flag();
      return reader.list(() => {
        reader.int16();
        const name = `${topic}-${reader.int32()}`;
        const leader = reader.int32();
        const [replicas, inSync] = [reader.list(() => reader.int32()), reader.list(() => reader.int32())];
        reader.list(() => reader.int32());
        return { name, lacks: leader < 0 || inSync.length < replicas.length };
      });
    })
    .flat();
  if (!brokers.includes(self)) return `broker ${self} is not registered`;
  if (controller < 0) return 'there is no controller';
  const lacking = partitions.filter(({ lacks }) => lacks);
  if (lacking.length <= UNDER_REPLICATED_MAX) return undefined;
  return `${lacking.length} partitions lack a replica, the first: ${lacking[0].name}`;
}

function end(problem) {
  if (problem !== undefined) console.error(problem);
  process.exit(problem === undefined ? 0 : 1);
}

const socket = connect(Number(process.env.PORT_BROKER), process.env.ORRERY_ADDRESS);
let answer = Buffer.alloc(0);
socket.on('connect', () => socket.write(request()));
socket.on('error', (error) => end(error.message));
socket.on('end', () => end('the broker hung up'));
socket.on('data', (bytes) => {
  answer = Buffer.concat([answer, bytes]);
  if (answer.length >= 4 && answer.length >= 4 + answer.readInt32BE(0)) end(judge(answer.subarray(4)));
});
