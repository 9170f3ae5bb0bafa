import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Kafka, logLevel } from 'kafkajs';
import type { Home } from '../../deploy/local/src/home.js';
import { isAlive } from '../../deploy/local/src/process-identity.js';
import { checkout } from '../../deploy/local/src/settings.js';
import { until } from '../../deploy/local/src/waiting.js';

export const main = `${checkout}/deploy/local/dist/main.js`;

export interface Addresses {
  readonly kafka: readonly string[];
  readonly cassandra: readonly string[];
}

/** A launcher that runs only Kafka and Cassandra, once both serve. */
export async function infra(folder: string, env: NodeJS.ProcessEnv): Promise<[ChildProcess, Addresses]> {
  const own = { ...process.env, ORRERY_KAFKA: '', ORRERY_CASSANDRA: '', ...env };
  const child = spawn(process.execPath, [main, 'infra', '--home', folder], {
    env: own,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`infra ended with exit code ${code} before it was ready`);
  });
  const line = once(createInterface({ input: child.stdout! }), 'line');
  const [text] = (await Promise.race([line, ended])) as [string];
  ended.catch(() => undefined);
  return [child, JSON.parse(text) as Addresses];
}

export async function untilAllEnded(home: Home, running: ReturnType<Home['recorded']>): Promise<void> {
  await until(() => (running.some(isAlive) || home.recorded().length > 0 ? undefined : true), {
    what: 'the end of all processes',
    withinMs: 60_000,
    everyMs: 100,
  });
}

export async function topics({ kafka }: Addresses): Promise<string[]> {
  return withAdmin(kafka, (admin) => admin.listTopics());
}

export async function createTopic({ kafka }: Addresses, topic: string): Promise<void> {
  await withAdmin(kafka, (admin) => admin.createTopics({ topics: [{ topic }] }));
}

async function withAdmin<T>(
  brokers: readonly string[],
  ask: (admin: ReturnType<Kafka['admin']>) => Promise<T>,
): Promise<T> {
  const admin = new Kafka({ brokers: [...brokers], logLevel: logLevel.NOTHING, retry: { retries: 0 } }).admin();
  await admin.connect();
  try {
    return await ask(admin);
  } finally {
    await admin.disconnect();
  }
}
