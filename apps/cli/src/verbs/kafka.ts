import { GuestTopics, TopicRefused, type GuestOffsets, type GuestPartition, type GuestTopic } from '@orrery/kafka';
import type { Endpoint } from '../answers.js';
import { argument, confirm, path, type Call } from '../call.js';
import { CliError } from '../cli-error.js';
import { exitCodes } from '../exit-codes.js';
import type { Listing } from '../output/output.js';
import { fields, table } from '../output/table.js';

/** The advertised port of the package. */
const ENDPOINT = 'broker';

const underReplicated = ({ replicas, inSync }: GuestPartition) => inSync.length < replicas.length;
const unavailable = ({ leader }: GuestPartition) => leader < 0;
const count = (topic: GuestTopic, which: (partition: GuestPartition) => boolean) =>
  topic.partitions.filter(which).length;

const topics: Listing<GuestTopic> = {
  name: ({ name }) => name,
  columns: [
    { title: 'TOPIC', cell: ({ name }) => name },
    { title: 'PARTITIONS', cell: ({ partitions }) => partitions.length, right: true },
    { title: 'REPLICAS', cell: ({ partitions }) => partitions[0]?.replicas.length, right: true },
    { title: 'UNDER-REPLICATED', cell: (topic) => count(topic, underReplicated), right: true },
    { title: 'UNAVAILABLE', cell: (topic) => count(topic, unavailable), right: true },
  ],
};

const offsetColumns: Listing<GuestOffsets> = {
  name: ({ partition }) => String(partition),
  columns: [
    { title: 'PARTITION', cell: ({ partition }) => partition, right: true },
    { title: 'FIRST', cell: ({ first }) => first, right: true },
    { title: 'NEXT', cell: ({ next }) => next, right: true },
  ],
};

export async function list(call: Call): Promise<void> {
  const all = await withTopics(call, (guest) => guest.list());
  const which = [
    ...(call.options['underReplicated'] === true ? [underReplicated] : []),
    ...(call.options['unavailable'] === true ? [unavailable] : []),
  ];
  const shown = all.filter((topic) => which.every((each) => count(topic, each) > 0));
  await call.output.list(shown, topics);
}

export async function describe(call: Call): Promise<void> {
  const name = argument(call, 1);
  const shown = await withTopics(call, async (guest) => {
    const [topic] = await guest.list([name]);
    return { ...topic!, settings: await guest.settings(name) };
  });
  await call.output.object(shown, {
    name: () => name,
    people: ({ settings, partitions }) => `${fields({ name, settings })}\n${table(partitionColumns, partitions)}`,
  });
}

const partitionColumns = [
  { title: 'PARTITION', cell: ({ partition }: GuestPartition) => partition, right: true },
  { title: 'LEADER', cell: ({ leader }: GuestPartition) => (leader < 0 ? undefined : leader), right: true },
  { title: 'REPLICAS', cell: ({ replicas }: GuestPartition) => replicas.join(',') },
  { title: 'IN SYNC', cell: ({ inSync }: GuestPartition) => inSync.join(',') },
];

export async function offsets(call: Call): Promise<void> {
  const name = argument(call, 1);
  await call.output.list(await withTopics(call, (guest) => guest.offsets(name)), offsetColumns);
}

export async function create(call: Call): Promise<void> {
  const name = argument(call, 1);
  const partitions = (call.options['partitions'] as number | undefined) ?? 1;
  const settings = call.options['config'] as Readonly<Record<string, string>>;
  const made = await withTopics(call, (guest, brokers) => {
    const replicas = (call.options['replication'] as number | undefined) ?? Math.min(3, brokers);
    return guest.create(name, { partitions, replicas, settings });
  });
  const replicas = made.partitions[0]?.replicas.length ?? 0;
  await call.output.object(made, {
    name: () => name,
    people: () => `topic ${name}: ${made.partitions.length} partitions, ${replicas} replicas each\n`,
  });
}

export async function remove(call: Call): Promise<void> {
  const name = argument(call, 1);
  await confirm(call, `Delete topic ${name} and all that is in it?`);
  await withTopics(call, (guest) => guest.delete(name));
  await call.output.object({ name }, { name: () => name, people: () => `topic ${name} deleted\n` });
}

/** Straight to the brokers, where they advertise themselves: the gateway is no way for the data of guests. */
async function withTopics<Value>(
  call: Call,
  work: (guest: GuestTopics, brokers: number) => Promise<Value>,
): Promise<Value> {
  const service = argument(call, 0);
  const endpoints = await call.gateway.list<Endpoint>(path`/v1/services/${service}/endpoints`);
  const brokers = endpoints.find(({ name }) => name === ENDPOINT)?.address;
  if (brokers === undefined) {
    throw new CliError('no-kafka', `${service} is no Kafka: it advertises no port ${ENDPOINT}`, {
      remedy: 'orrery package list shows what was installed from the package kafka',
      exitCode: exitCodes.refused,
    });
  }
  if (brokers.length === 0) {
    throw new CliError('no-broker', `${service} has no broker that is ready`, {
      remedy: `orrery pod list ${service}; orrery task why ${service}.broker-0.broker`,
    });
  }
  try {
    return await GuestTopics.with({ brokers, clientId: 'orrery-cli' }, (guest) => work(guest, brokers.length));
  } catch (error) {
    if (error instanceof CliError) throw error;
    if (error instanceof TopicRefused) throw refused(error);
    const remedy = `the brokers are ${brokers.join(', ')}`;
    throw new CliError('broker-away', `the brokers do not answer: ${(error as Error).message}`, { remedy });
  }
}

function refused(error: TopicRefused): CliError {
  const exitCode =
    error.type === 'UNKNOWN_TOPIC_OR_PARTITION'
      ? exitCodes.notFound
      : error.type === 'TOPIC_ALREADY_EXISTS'
        ? exitCodes.conflict
        : exitCodes.refused;
  const code = error.type.toLowerCase().replaceAll('_', '-');
  return new CliError(code, error.message, { remedy: 'orrery kafka topic list shows what there is', exitCode });
}
