// Ready: the controllers have a leader, and this one has kept up with it, so the next one may restart. One DescribeQuorum request of
// Kafka's own protocol to each of them: only the leader answers it.
const { connect } = require('node:net');

const DESCRIBE_QUORUM = 55;
const VERSION = 1;
const TIMEOUT_MS = 3000;
const BEHIND_MAX_MS = 2000n;
const TOPIC = '__cluster_metadata';
const self = 1000 + Number(process.env.ORRERY_POD_INDEX);

/** Numbers, compact texts and lists: their lengths are variable, and one more than they are. */
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
  int64() {
    return this.bytes.readBigInt64BE((this.at += 8) - 8);
  }
  length() {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = this.bytes[this.at++];
      value |= (byte & 127) << shift;
      if (byte < 128) return value;
      shift += 7;
    }
  }
  text() {
    const length = this.length() - 1;
    return this.bytes.toString('utf8', this.at, (this.at += length));
  }
  list(item) {
    return Array.from({ length: Math.max(0, this.length() - 1) }, item);
  }
  /** Fields of later versions: passed over. */
  tags() {
    for (let left = this.length(); left > 0; left--) {
      this.length();
      this.at += this.length();
    }
  }
}

function request() {
  const client = Buffer.from('orrery-ready');
  const head = Buffer.alloc(10);
  head.writeInt16BE(DESCRIBE_QUORUM, 0);
  head.writeInt16BE(VERSION, 2);
  head.writeInt32BE(1, 4);
  head.writeInt16BE(client.length, 8);
  const topic = Buffer.from(TOPIC);
  const none = 0;
  const one = 2;
  const partition = [0, 0, 0, 0, none];
  const body = [none, one, topic.length + 1, ...topic, one, ...partition, none, none];
  const bytes = Buffer.concat([head, client, Buffer.from(body)]);
  const length = Buffer.alloc(4);
  length.writeInt32BE(bytes.length, 0);
  return Buffer.concat([length, bytes]);
}

/** The voters as the leader sees them; nothing from whoever is not the leader. */
function votersIn(bytes) {
  const reader = new Reader(bytes);
  reader.int32();
  reader.tags();
  if (reader.int16() !== 0) return undefined;
  const [partition] = reader.list(() => {
    reader.text();
    const partitions = reader.list(() => {
      reader.int32();
      const error = reader.int16();
      const leader = reader.int32();
      reader.int32();
      reader.int64();
      const [voters] = [replicas(reader), replicas(reader)];
      reader.tags();
      return error === 0 ? { leader, voters } : undefined;
    });
    reader.tags();
    return partitions[0];
  });
  return partition;
}

function replicas(reader) {
  return reader.list(() => {
    const id = reader.int32();
    reader.int64();
    reader.int64();
    const caughtUpAtMs = reader.int64();
    reader.tags();
    return { id, caughtUpAtMs };
  });
}

function ask(place) {
  const at = place.lastIndexOf(':');
  return new Promise((resolve) => {
    const socket = connect(Number(place.slice(at + 1)), place.slice(0, at));
    const end = (found) => {
      socket.destroy();
      resolve(found);
    };
    let answer = Buffer.alloc(0);
    socket.setTimeout(TIMEOUT_MS, () => end(undefined));
    socket.on('connect', () => socket.write(request()));
    socket.on('error', () => end(undefined));
    socket.on('end', () => end(undefined));
    socket.on('data', (bytes) => {
      answer = Buffer.concat([answer, bytes]);
      if (answer.length >= 4 && answer.length >= 4 + answer.readInt32BE(0)) end(votersIn(answer.subarray(4)));
    });
  });
}

function judge(quorum) {
  if (quorum === undefined) return 'no controller says that it leads';
  const [own, leading] = [self, quorum.leader].map((id) => quorum.voters.find((voter) => voter.id === id));
  if (own === undefined) return `controller ${self} is no voter`;
  if (leading.caughtUpAtMs - own.caughtUpAtMs <= BEHIND_MAX_MS) return undefined;
  return `controller ${self} has not caught up with ${quorum.leader}`;
}

function end(problem) {
  if (problem !== undefined) console.error(problem);
  process.exit(problem === undefined ? 0 : 1);
}

const places = process.env.ORRERY_PEERS_CONTROLLER_CONTROLLER.split(',');
void Promise.all(places.map(ask)).then((answers) => end(judge(answers.find((answer) => answer !== undefined))));
