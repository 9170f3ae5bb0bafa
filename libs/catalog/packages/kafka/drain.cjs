// Moves every partition off the brokers that go, and ends when this one has none: those whose id is not below ORRERY_PODS_STAYING.
// Run again, it goes on from what it finds. Any broker takes these requests, and hands to the controllers what is theirs.
const { setTimeout: pause } = require('node:timers/promises');
const { ask, askMetadata, compactList, compactText, flag, flexible, int32, NO_TAGS } = require('./protocol.cjs');
const { movesOf, Refusal } = require('./drain-moves.cjs');

const ALTER_PARTITION_REASSIGNMENTS = { key: 45, version: 0 };
const LIST_PARTITION_REASSIGNMENTS = { key: 46, version: 0 };
const DESCRIBE_CLUSTER = { key: 60, version: 2 };
const UNREGISTER_BROKER = { key: 64, version: 0 };
const BROKERS_TYPE = 1;

const TIMEOUT_MS = 30_000;
const INTERVAL_MS = 1000;
/** Of turns that fail one after the other: an election, a restart. */
const TROUBLE_MAX_MS = 60_000;

const CONTROLLERS = Number(
  '<%^controllers.count%><%brokers.controllers%><%/controllers.count%><%#controllers.count%>0<%/controllers.count%>',
);
const dropsReplicas = '<%brokers.drop_replicas%>' === 'true';
const env = process.env;
const self = Number(env.ORRERY_POD_INDEX);
const staying = Number(env.ORRERY_PODS_STAYING);

/** What the first broker says that says something. */
async function firstAnswer(askOne) {
  const troubles = [];
  for (const place of env.ORRERY_PEERS_BROKER_BROKER.split(',')) {
    try {
      return await askOne(place);
    } catch ({ message }) {
      troubles.push(message);
    }
  }
  throw new Error(troubles.join('; '));
}

async function asked({ key, version }, ...body) {
  const bytes = flexible(key, version, ...body);
  const reader = await firstAnswer((place) => ask(place, bytes, TIMEOUT_MS));
  reader.tags();
  reader.int32();
  return reader;
}

function check(reader, what) {
  const [code, message] = [reader.int16(), reader.compactText()];
  if (code !== 0) throw new Error(`${what}: ${message ?? `error ${code}`}`);
}

async function topics() {
  const { topics: found } = await firstAnswer((place) => askMetadata(place, TIMEOUT_MS));
  const wrong = found.find(({ error }) => error !== 0);
  if (wrong !== undefined) throw new Error(`topic ${wrong.name}: error ${wrong.error}`);
  return found;
}

/** Those that are registered: `isFenced` ones do not serve. */
async function brokers() {
  const reader = await asked(DESCRIBE_CLUSTER, flag(false), [BROKERS_TYPE], flag(true));
  check(reader, 'the cluster');
  reader.int8();
  reader.compactText();
  reader.int32();
  return reader.compactList(() => {
    const id = reader.int32();
    reader.compactText();
    reader.int32();
    const [rack, isFenced] = [reader.compactText() ?? '', reader.flag()];
    reader.tags();
    return { id, rack, isFenced };
  });
}

async function movesUnderWay() {
  const reader = await asked(LIST_PARTITION_REASSIGNMENTS, int32(TIMEOUT_MS), compactList(null));
  check(reader, 'partitions that move');
  const found = reader.compactList(() => {
    const name = reader.compactText();
    const moving = reader.compactList(() => {
      const index = reader.int32();
      for (let lists = 0; lists < 3; lists++) reader.compactList(() => reader.int32());
      reader.tags();
      return `${name}-${index}`;
    });
    reader.tags();
    return moving;
  });
  return new Set(found.flat());
}

async function order(moves) {
  const body = compactList(moves, ({ topic, index, replicas }) => [
    compactText(topic),
    compactList([index], () => [int32(index), compactList(replicas, int32), NO_TAGS]),
    NO_TAGS,
  ]);
  const reader = await asked(ALTER_PARTITION_REASSIGNMENTS, int32(TIMEOUT_MS), body);
  check(reader, 'moving partitions');
  reader.compactList(() => {
    const name = reader.compactText();
    reader.compactList(() => {
      check(reader, `${name}-${reader.int32()}`);
      reader.tags();
    });
    reader.tags();
  });
}

/** Brokers that were drained before this one are still registered. */
async function forgetThoseGone() {
  for (const { id, isFenced } of await brokers()) {
    if (!isFenced || id < staying || id === self) continue;
    check(await asked(UNREGISTER_BROKER, int32(id)), `broker ${id}`);
    console.log(`broker ${id} is gone, and forgotten`);
  }
}

/** Orders what is not under way yet, and counts what this broker still has; nothing where that has to wait. */
async function move() {
  const underWay = await movesUnderWay();
  const up = (await brokers()).filter(({ id, isFenced }) => id < staying && !isFenced);
  if (up.length < staying) {
    console.log(`only ${up.length} of the ${staying} brokers that stay are up: waiting`);
    return undefined;
  }
  const all = await topics();
  const moves = movesOf({ topics: all, staying: up, underWay, dropsReplicas });
  if (moves.length > 0) await order(moves);
  return all.flatMap(({ partitions }) => partitions).filter(({ replicas }) => replicas.includes(self)).length;
}

async function drain() {
  if (self < CONTROLLERS)
    throw new Refusal(
      `broker ${self} is one of the ${CONTROLLERS} controllers, which are fixed for the life of the service`,
    );
  let [hasForgotten, wellAtMs] = [false, Date.now()];
  for (;;) {
    try {
      if (!hasForgotten) await forgetThoseGone();
      hasForgotten = true;
      const left = await move();
      if (left === 0) return console.log(`broker ${self} has no partition`);
      if (left !== undefined) console.log(`${left} partitions have a replica on broker ${self}`);
      wellAtMs = Date.now();
    } catch (error) {
      if (error instanceof Refusal || Date.now() - wellAtMs > TROUBLE_MAX_MS) throw error;
      console.log(`${error.message}: once more`);
    }
    await pause(INTERVAL_MS);
  }
}

drain().catch(({ message }) => {
  console.log(message);
  process.exit(1);
});
