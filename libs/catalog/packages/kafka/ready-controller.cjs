// Ready: the controllers have a leader, and this one has kept up with it, so the next one may restart. One DescribeQuorum request to
// each of them: only the leader answers it.
const { ask, compactList, compactText, end, flexible, int32, NO_TAGS } = require('./protocol.cjs');

const DESCRIBE_QUORUM = 55;
const VERSION = 1;
const TIMEOUT_MS = 3000;
const BEHIND_MAX_MS = 2000n;
const self = 1000 + Number(process.env.ORRERY_POD_INDEX);
const PARTITION = compactList([0], (index) => [int32(index), NO_TAGS]);
const QUORUM = compactList(['__cluster_metadata'], (topic) => [compactText(topic), PARTITION, NO_TAGS]);

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
  return quorumIn(await ask(place, flexible(DESCRIBE_QUORUM, VERSION, QUORUM), TIMEOUT_MS));
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
