// Ready is what nodetool calls UN: this node is a full member of the ring and serves, and the nodes that can be asked know its
// present life. nodetool itself is a JVM of seconds for each question.
const { writeFileSync } = require('node:fs');
const { Session, addressOf } = require('./cql.cjs');

const TIMEOUT_MS = 2000;
const ASKED_MAX = 2;

async function during(host, port, work) {
  const session = await Session.open(host, port, TIMEOUT_MS);
  try {
    return await work(session);
  } finally {
    session.close();
  }
}

/** Cassandra opens the native port once it is in the state NORMAL. */
async function own(session) {
  const [local] = await session.query('SELECT bootstrapped, gossip_generation FROM system.local');
  const peers = await session.query('SELECT native_address, native_port FROM system.peers_v2');
  return {
    bootstrapped: local.bootstrapped?.toString(),
    generation: local.gossip_generation.readInt32BE(0),
    peers: peers.flatMap((row) =>
      row.native_address === undefined
        ? []
        : [{ host: addressOf(row.native_address), port: row.native_port.readInt32BE(0) }],
    ),
  };
}

/** What another node knows of this one; one that is away knows nothing, and does not count. */
async function seenBy({ host, port }) {
  try {
    return await during(host, port, async (session) => {
      const rows = await session.query('SELECT address, port, generation FROM system_views.gossip_info');
      const self = rows.find(
        (row) =>
          addressOf(row.address) === process.env.ORRERY_ADDRESS &&
          row.port.readInt32BE(0) === Number(process.env.PORT_STORAGE),
      );
      return { host, generation: self?.generation.readInt32BE(0) ?? 0 };
    });
  } catch (error) {
    console.error(`${host}:${port} was not asked: ${error.message}`);
    return undefined;
  }
}

async function judge() {
  const { bootstrapped, generation, peers } = await during(process.env.ORRERY_ADDRESS, process.env.PORT_NATIVE, own);
  if (bootstrapped !== 'COMPLETED') return `this node has not joined the ring: ${bootstrapped}`;
  const seen = await Promise.all(peers.slice(0, ASKED_MAX).map(seenBy));
  const behind = seen.find((each) => each !== undefined && each.generation < generation);
  return behind && `${behind.host} does not know yet that this node is back`;
}

function end(problem) {
  if (problem === undefined) writeFileSync('data/joined', '');
  else console.error(problem);
  process.exit(problem === undefined ? 0 : 1);
}

void judge().then(end, (error) => end(error.message));
