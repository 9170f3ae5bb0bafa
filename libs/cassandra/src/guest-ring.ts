import cassandra, { type types } from 'cassandra-driver';

/** A node as the first one that answers knows it, and whether it answers itself. */
export interface RingNode {
  readonly address: string;
  readonly port: number;
  readonly answers: 'yes' | 'no';
  /** As gossip has it: NORMAL, LEAVING, shutdown … */
  readonly state: string;
  readonly datacenter: string;
  readonly rack: string;
  readonly tokens: number;
  readonly version: string;
  readonly hostId: string;
}

/** None of the nodes asked has answered. */
export class RingUnanswered extends Error {
  constructor(asked: readonly string[], cause: unknown) {
    super(`none of ${asked.join(', ')} answers`, { cause });
    this.name = 'RingUnanswered';
  }
}

const CONNECT_MS = 3_000;
const ANSWER_MS = 5_000;
const ASKED_AT_ONCE = 16;

/** The ring of a Cassandra that runs as a guest. `addresses`: host:port of nodes, asked until one answers. */
export async function ringOf(addresses: readonly string[]): Promise<RingNode[]> {
  let failure: unknown;
  for (const address of addresses) {
    try {
      return await ringAsSeenBy(address);
    } catch (error) {
      failure = error;
    }
  }
  throw new RingUnanswered(addresses, failure);
}

async function ringAsSeenBy(address: string): Promise<RingNode[]> {
  const [locals, peers, gossip] = await asking(address, async (client) => {
    const all = async (query: string) => (await client.execute(query)).rows;
    return [
      await all(
        'SELECT broadcast_address, broadcast_port, rpc_address, rpc_port, data_center, rack, tokens, release_version, host_id FROM system.local',
      ),
      await all(
        'SELECT peer, peer_port, native_address, native_port, data_center, rack, tokens, release_version, host_id FROM system.peers_v2',
      ),
      await all('SELECT address, port, status, status_with_port FROM system_views.gossip_info'),
    ] as const;
  });
  const stateOf = new Map(gossip.map((row) => [`${row['address']}:${row['port']}`, stateIn(row)]));
  const nodes = [
    ...locals.map((row) =>
      nodeOf(row, `${row['rpc_address']}:${row['rpc_port']}`, `${row['broadcast_address']}:${row['broadcast_port']}`),
    ),
    ...peers.map((row) =>
      nodeOf(row, `${row['native_address']}:${row['native_port']}`, `${row['peer']}:${row['peer_port']}`),
    ),
  ];
  const answering = await answersOf(nodes.map(({ address: host, port }) => `${host}:${port}`));
  return nodes
    .map(({ storage, ...node }, at) => ({
      ...node,
      answers: answering[at] === true ? ('yes' as const) : ('no' as const),
      state: stateOf.get(storage) ?? 'unknown',
    }))
    .sort((a, b) => (a.address < b.address ? -1 : 1));
}

/** `NORMAL,-123…` → `NORMAL` */
function stateIn(row: types.Row): string {
  const status = (row['status_with_port'] ?? row['status']) as string | null;
  return status === null ? 'unknown' : status.split(',')[0]!;
}

function nodeOf(row: types.Row, native: string, storage: string) {
  const colon = native.lastIndexOf(':');
  return {
    storage,
    address: native.slice(0, colon),
    port: Number(native.slice(colon + 1)),
    datacenter: row['data_center'] as string,
    rack: row['rack'] as string,
    tokens: (row['tokens'] as readonly string[] | null)?.length ?? 0,
    version: row['release_version'] as string,
    hostId: String(row['host_id']),
  };
}

async function answersOf(addresses: readonly string[]): Promise<boolean[]> {
  const answers: boolean[] = [];
  for (let from = 0; from < addresses.length; from += ASKED_AT_ONCE)
    answers.push(...(await Promise.all(addresses.slice(from, from + ASKED_AT_ONCE).map(answersItself))));
  return answers;
}

async function answersItself(address: string): Promise<boolean> {
  try {
    await asking(address, (client) => client.execute('SELECT key FROM system.local'));
    return true;
  } catch {
    return false;
  }
}

/** One node and no other: what it says of its peers is asked for, not followed. */
async function asking<Value>(address: string, work: (client: cassandra.Client) => Promise<Value>): Promise<Value> {
  const { policies } = cassandra;
  const client = new cassandra.Client({
    contactPoints: [address],
    localDataCenter: 'any',
    policies: {
      loadBalancing: new policies.loadBalancing.AllowListPolicy(new policies.loadBalancing.RoundRobinPolicy(), [
        address,
      ]),
      reconnection: new policies.reconnection.ConstantReconnectionPolicy(ANSWER_MS),
    },
    socketOptions: { connectTimeout: CONNECT_MS, readTimeout: ANSWER_MS },
  });
  try {
    return await work(client);
  } finally {
    await client.shutdown();
  }
}
