import { InvalidArgumentError, Option, type Command } from 'commander';
import { keyValue } from './option-values.js';
import type { Add } from './program.js';

interface CommonOptions {
  readonly output: () => Option;
  readonly yes: () => Option;
  readonly changing: () => Option[];
}

/** Verbs that packages bring along. */
export function addGuests(program: Command, add: Add, options: CommonOptions): void {
  addKafka(program, add, options);
  addCassandra(program, add, options);
}

function addKafka(program: Command, add: Add, { output, yes }: CommonOptions): void {
  const kafka = program.command('kafka').description('What runs in services of the package kafka');
  const topic = kafka.command('topic').description('Topics of a Kafka');
  const verb = (name: keyof typeof import('./verbs/kafka.js')) => async () => (await import('./verbs/kafka.js'))[name];
  add(topic, {
    usage: 'list <service>',
    says: 'List topics',
    load: verb('list'),
    options: [
      new Option('--under-replicated', 'only those with partitions that lack a replica'),
      new Option('--unavailable', 'only those with partitions without a leader'),
      output(),
    ],
  });
  add(topic, {
    usage: 'create <service> <topic>',
    says: 'Make a topic',
    load: verb('create'),
    options: [
      new Option('--partitions <n>', 'number of partitions (default: 1)').argParser(countFromOne),
      new Option('--replication <n>', 'replicas of each (default: 3, or as many as there are brokers)').argParser(
        countFromOne,
      ),
      new Option('--config <key=value>', 'setting of the topic, repeatable').argParser(keyValue).default({}, 'none'),
      output(),
    ],
  });
  add(topic, {
    usage: 'describe <service> <topic>',
    says: 'Show leaders, replicas and settings of a topic',
    load: verb('describe'),
    options: [output()],
  });
  add(topic, {
    usage: 'delete <service> <topic>',
    says: 'Delete a topic and all that is in it',
    load: verb('remove'),
    options: [yes(), output()],
  });
  add(topic, {
    usage: 'offsets <service> <topic>',
    says: 'Show the first and the next offset of each partition',
    load: verb('offsets'),
    options: [output()],
  });
}

function addCassandra(program: Command, add: Add, { yes, changing }: CommonOptions): void {
  const parent = program.command('cassandra').description('What runs in services of the package cassandra');
  const plan = (name: string) => async () => (await import('./verbs/cassandra.js')).plan(name);
  const keyspaces = () => new Option('--keyspaces <names>', 'which, with commas (default: all)');
  add(parent, {
    usage: 'repair <service>',
    says: 'Make replicas equal, node by node',
    load: plan('repair'),
    options: [keyspaces(), new Option('--incremental', 'only what was written since the last repair'), ...changing()],
  });
  add(parent, {
    usage: 'cleanup <service>',
    says: 'Drop what nodes no longer own, after others have joined',
    load: plan('cleanup'),
    options: [keyspaces(), ...changing()],
  });
  add(parent, {
    usage: 'upgradesstables <service>',
    says: 'Rewrite data in the format of the version that runs, after an upgrade',
    load: plan('upgradesstables'),
    options: [keyspaces(), ...changing()],
  });
  add(parent, {
    usage: 'backup <service> <name>',
    says: 'Copy schema and data of all nodes to where the options say, backup.folder or backup.s3',
    load: plan('backup'),
    options: [keyspaces(), ...changing()],
  });
  add(parent, {
    usage: 'restore <service> <name>',
    says: 'Make the keyspaces of a backup again where they are missing, and put its rows back',
    load: plan('restore'),
    options: [keyspaces(), yes(), ...changing()],
  });
}

function countFromOne(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('expected a number from 1 on.');
  return Number(text);
}
