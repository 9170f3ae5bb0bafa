import { randomBytes } from 'node:crypto';
import { jest } from '@jest/globals';
import type { TopicDeclaration } from '@orrery/contracts';
import type { CassandraOptions } from '@orrery/cassandra';
import { KafkajsTopics, type KafkaOptions } from '@orrery/kafka';

// Jest reads no time limit from the settings of a project.
jest.setTimeout(60_000);

/** The Kafka and the Cassandra that the global set-up has started or was given. */
export const kafka: KafkaOptions = { brokers: addresses('ORRERY_KAFKA'), clientId: 'adapters' };

export function cassandra(keyspace: string): CassandraOptions {
  const datacenter = process.env['ORRERY_DATACENTER'] ?? 'datacenter1';
  return { contactPoints: addresses('ORRERY_CASSANDRA'), datacenter, keyspace };
}

export function freshName(prefix: string): string {
  return `${prefix}_${randomBytes(6).toString('hex')}`;
}

export function declaration(name: string, changes: Partial<TopicDeclaration> = {}): TopicDeclaration {
  return {
    name,
    partitions: 1,
    retentionMs: -1,
    maxMessageBytes: 8 * 1024 * 1024,
    timestamps: 'LogAppendTime',
    writers: 'anyone',
    ...changes,
  };
}

/** A topic of its own for each test. */
export async function freshTopic(partitions: number, options: KafkaOptions = kafka): Promise<string> {
  const name = freshName('adapters');
  await new KafkajsTopics(options).ensureTopics([declaration(name, { partitions })]);
  return name;
}

function addresses(variable: string): string[] {
  return (process.env[variable] ?? '').split(',');
}
