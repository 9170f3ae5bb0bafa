// Before the start of a node: through whom it joins, whom it replaces, and its rack.
const { appendFileSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } = require('node:fs');
const { Session, addressOf } = require('./cql.cjs');

const TIMEOUT_MS = 3000;
const SEEDS = Number('<%nodes.seeds%>');
const env = process.env;
const self = Number(env.ORRERY_POD_INDEX);

const membersBy = (port) =>
  (env[`ORRERY_MEMBERS_NODE_${port}`] ?? '')
    .split(',')
    .filter((each) => each !== '')
    .map((each) => {
      const [index, place] = each.split('@');
      return { index: Number(index), place };
    });

/** The ring as the first node knows it that answers; absent: none does. */
async function ringOf(others) {
  for (const { place } of others) {
    const at = place.lastIndexOf(':');
    try {
      const session = await Session.open(place.slice(0, at), place.slice(at + 1), TIMEOUT_MS);
      try {
        const rows = await session.query('SELECT peer, peer_port, rack FROM system.peers_v2');
        return rows.map((row) => ({
          address: addressOf(row.peer),
          place: `${addressOf(row.peer)}:${row.peer_port.readInt32BE(0)}`,
          rack: row.rack?.toString(),
        }));
      } finally {
        session.close();
      }
    } catch (error) {
      console.error(`${place} does not answer: ${error.message}`);
    }
  }
  return undefined;
}

const placesOf = (members) => members.slice(0, SEEDS).map(({ place }) => place);

async function decide() {
  const members = membersBy('STORAGE');
  // A ring that starts as a whole has to find itself, so its first nodes are their own seeds.
  if (existsSync('data/joined')) return { seeds: placesOf(members) };
  // At its first start a node that is its own seed would not fetch what others hold.
  const others = members.filter(({ index }) => index !== self);
  const ring = await ringOf(membersBy('NATIVE').filter(({ index }) => index !== self));
  const left = env.ORRERY_REPLACES_ADDRESS;
  if (ring === undefined) {
    if (self === 0 && (left === undefined || others.length === 0)) return { seeds: placesOf(members) };
    throw new Error('no node of the ring answers: this one waits, it would begin a ring of its own');
  }
  const elsewhere = new Set(others.map(({ place }) => place));
  const replaced = ring.filter(({ address, place }) => address === left && !elsewhere.has(place));
  if (replaced.length > 1)
    throw new Error(`${replaced.length} nodes were at ${left}: nobody knows which one is replaced`);
  return { seeds: placesOf(others), replaced: replaced[0] };
}

async function prepare() {
  mkdirSync('data', { recursive: true });
  const { seeds, replaced } = await decide();
  // A node of another rack would hold other rows: who replaces one takes its rack along, and keeps it.
  if (!existsSync('data/rack')) writeFileSync('data/rack', replaced?.rack ?? (env.ORRERY_ZONE || 'rack1'));
  copyFileSync('conf/base.yaml', 'conf/cassandra.yaml');
  const provider = {
    class_name: 'org.apache.cassandra.locator.SimpleSeedProvider',
    parameters: [{ seeds: seeds.join(',') }],
  };
  appendFileSync('conf/cassandra.yaml', `\nseed_provider: ${JSON.stringify([provider])}\n`);
  // Orrery has seen the end of what is replaced: the minute in which Cassandra would listen for it is not needed.
  const flags =
    replaced === undefined
      ? ''
      : [
          `-Dcassandra.replace_address_first_boot=${replaced.place}`,
          '-Dcassandra.broadcast_interval_ms=5000',
          // At the same address the first answer of a seed is lost while it ends its connections to the dead node; it is asked
          // again every 5 s, for as long as this says.
          '-Dcassandra.ring_delay_ms=20000\n',
        ].join('\n');
  writeFileSync('conf/join.options', flags);
  writeFileSync('data/jmx.port', env.PORT_JMX);
  writeFileSync('data/native.port', env.PORT_NATIVE);
  console.log(
    `rack ${readFileSync('data/rack')}, seeds ${seeds.join(', ')}${replaced ? `, replaces ${replaced.place}` : ''}`,
  );
}

prepare().catch((error) => {
  console.error(error.message);
  process.exit(1);
});
