// Ready: the controllers count this broker in, and no partition of the cluster lacks a replica. One Metadata request.
const { ask, end, request } = require('./protocol.cjs');

const METADATA = 3;
const VERSION = 5;
const TIMEOUT_MS = 8000;
const UNDER_REPLICATED_MAX = Number('<%readiness.under_replicated_max%>');
const self = Number(process.env.ORRERY_POD_INDEX);
/** All topics, and none is made by asking. */
const ALL_TOPICS = [255, 255, 255, 255, 0];

function judge(reader) {
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

const { ORRERY_ADDRESS, PORT_BROKER } = process.env;
ask(ORRERY_ADDRESS, Number(PORT_BROKER), request(METADATA, VERSION, ALL_TOPICS), TIMEOUT_MS)
  .then(judge)
  .then(end, ({ message }) => end(message));
