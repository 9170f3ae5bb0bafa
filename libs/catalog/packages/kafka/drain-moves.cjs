// Which partitions move where, before brokers go: a function of what the cluster says.

const MOVES_AT_ONCE = 100;

/**
 * Orders for partitions that have a replica on a broker that goes and are not under way yet; throws where a topic can't stay as it is.
 * `topics`: { name, isInternal, partitions: [{ index, replicas }] }; `staying`: brokers { id, rack }; `underWay`: set of `topic-index`.
 */
function movesOf({ topics, staying, underWay, dropsReplicas }) {
  const load = new Map();
  const isStaying = (id) => id < staying.length;
  for (const { partitions } of topics)
    for (const { replicas } of partitions) for (const id of replicas) load.set(id, (load.get(id) ?? 0) + 1);
  const moves = [];
  for (const topic of topics)
    for (const { index, replicas } of topic.partitions) {
      if (replicas.every(isStaying) || underWay.has(`${topic.name}-${index}`)) continue;
      if (underWay.size + moves.length >= MOVES_AT_ONCE) return moves;
      if (replicas.length > staying.length && !topic.isInternal && !dropsReplicas)
        throw new Refusal(
          `topic ${topic.name} has ${replicas.length} replicas, and ${staying.length} brokers stay: ` +
            'keep more of them, or set brokers.drop_replicas',
        );
      moves.push({ topic: topic.name, index, replicas: replicasOf(replicas, staying, load) });
    }
  return moves;
}

/** Replicas that stay keep their order; for each that goes comes the least loaded broker, of a rack that has none where there is one. */
function replicasOf(replicas, staying, load) {
  const next = replicas.filter((id) => id < staying.length);
  while (next.length < Math.min(replicas.length, staying.length)) {
    const racks = new Set(staying.filter(({ id }) => next.includes(id)).map(({ rack }) => rack));
    const rank = ({ id, rack }) => [racks.has(rack) ? 1 : 0, load.get(id) ?? 0, id];
    const [chosen] = staying
      .filter(({ id }) => !next.includes(id))
      .sort((one, other) => compared(rank(one), rank(other)));
    load.set(chosen.id, (load.get(chosen.id) ?? 0) + 1);
    next.push(chosen.id);
  }
  return next;
}

function compared(one, other) {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at < 0 ? 0 : one[at] - other[at];
}

/** What no second attempt would change. */
class Refusal extends Error {}

module.exports = { movesOf, Refusal };
