// Ready: the controllers count this broker in, and no partition of the cluster lacks a replica.
const { askMetadata, end } = require('./protocol.cjs');

const TIMEOUT_MS = 8000;
const UNDER_REPLICATED_MAX = Number('<%readiness.under_replicated_max%>');
const self = Number(process.env.ORRERY_POD_INDEX);

function judge({ brokers, controller, topics }) {
  if (!brokers.includes(self)) return `broker ${self} is not registered`;
  if (controller < 0) return 'there is no controller';
  const lacking = topics.flatMap(({ name, partitions }) =>
    partitions
      .filter(({ leader, replicas, inSync }) => leader < 0 || inSync.length < replicas.length)
      .map(({ index }) => `${name}-${index}`),
  );
  if (lacking.length <= UNDER_REPLICATED_MAX) return undefined;
  return `${lacking.length} partitions lack a replica, the first: ${lacking[0]}`;
}

const { ORRERY_ADDRESS, PORT_BROKER } = process.env;
askMetadata(`${ORRERY_ADDRESS}:${PORT_BROKER}`, TIMEOUT_MS)
  .then(judge)
  .then(end, ({ message }) => end(message));
