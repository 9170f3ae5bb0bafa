// Ready: the controllers have a leader, and this one has kept up with it, so the next one may restart. One DescribeQuorum request to
// each of them: only the leader answers it.
const { ask, end, request } = require('./protocol.cjs');

const DESCRIBE_QUORUM = 55;
const VERSION = 1;
const TIMEOUT_MS = 3000;
const BEHIND_MAX_MS = 2000n;
const TOPIC = Buffer.from('__cluster_metadata');
const self = 1000 + Number(process.env.ORRERY_POD_INDEX);
/** No tags in the head; one topic with one partition, 0; lists are one longer than they are, and each part ends with its tags: none. */
const QUORUM = [0, 2, TOPIC.length + 1, ...TOPIC, 2, 0, 0, 0, 0, 0, 0, 0];

/** The leader and the voters as it sees them; nothing from whoever is not the leader. */
function quorumIn(reader) {
  reader.tags();
  if (reader.int16() !== 0) return undefined;
  const [partition] = reader.compactList(() => {
    reader.compactText();
    const [found] = reader.compactList(() => {
      reader.int32();
      const error = reader.int16();
      const leader = reader.int32();
      reader.int32();
      reader.int64();
      const [voters] = [replicasIn(reader), replicasIn(reader)];
      reader.tags();
      return error === 0 ? { leader, voters } : undefined;
    });
    reader.tags();
    return found;
  });
  return partition;
}

function replicasIn(reader) {
  return reader.compactList(() => {
    const id = reader.int32();
    reader.int64();
    reader.int64();
    const caughtUpAtMs = reader.int64();
    reader.tags();
    return { id, caughtUpAtMs };
  });
}

async function quorumOf(place) {
  const at = place.lastIndexOf(':');
  const port = Number(place.slice(at + 1));
  return quorumIn(await ask(place.slice(0, at), port, request(DESCRIBE_QUORUM, VERSION, QUORUM), TIMEOUT_MS));
}

function judge(answers) {
  const quorum = answers.find(({ value }) => value !== undefined)?.value;
  if (quorum === undefined) {
    const [failed] = answers.filter(({ reason }) => reason !== undefined);
    return `no controller says that it leads${failed === undefined ? '' : `; ${failed.reason.message}`}`;
  }
  const [own, leading] = [self, quorum.leader].map((id) => quorum.voters.find((voter) => voter.id === id));
  if (own === undefined) return `controller ${self} is no voter`;
  if (leading.caughtUpAtMs - own.caughtUpAtMs <= BEHIND_MAX_MS) return undefined;
  return `controller ${self} has not caught up with ${quorum.leader}`;
}

const places = process.env.ORRERY_PEERS_CONTROLLER_CONTROLLER.split(',');
void Promise.allSettled(places.map(quorumOf)).then((answers) => end(judge(answers)));
