import { connect } from 'node:net';
import { Client } from 'cassandra-driver';
import { Kafka, logLevel } from 'kafkajs';
import { until } from './waiting.js';

/** Waits until a broker answers a metadata request. */
export async function kafkaReady(brokers: readonly string[], withinMs: number, signal?: AbortSignal): Promise<void> {
  const patience = { what: `an answer of Kafka at ${brokers.join(', ')}`, withinMs, everyMs: 100, signal };
  await until(() => someoneListens(brokers), patience);
  const kafka = new Kafka({
    clientId: 'orrery-launcher',
    brokers: [...brokers],
    logLevel: logLevel.NOTHING,
    connectionTimeout: 2000,
    retry: { retries: 0 },
  });
  await until(async () => {
    const admin = kafka.admin();
    try {
      await admin.connect();
      return (await admin.describeCluster()).brokers.length > 0 ? true : undefined;
    } catch {
      return undefined; // not yet: asked again until the deadline, which says what did not answer
    } finally {
      await admin.disconnect();
    }
  }, patience);
}

/** Waits until Cassandra answers a CQL query. */
export async function cassandraReady(
  contactPoints: readonly string[],
  datacenter: string,
  withinMs: number,
  signal?: AbortSignal,
): Promise<void> {
  const patience = { what: `an answer of Cassandra at ${contactPoints.join(', ')}`, withinMs, everyMs: 100, signal };
  await until(() => someoneListens(contactPoints), patience);
  let lastError: unknown;
  try {
    await until(async () => {
      const client = new Client({ contactPoints: [...contactPoints], localDataCenter: datacenter });
      try {
        await client.connect();
        await client.execute('SELECT key FROM system.local');
        return true;
      } catch (error) {
        lastError = error;
        return undefined;
      } finally {
        await client.shutdown();
      }
    }, patience);
  } catch (error) {
    throw lastError === undefined ? error : new Error(`${String(error)}: ${String(lastError)}`, { cause: lastError });
  }
}

async function someoneListens(addresses: readonly string[]): Promise<true | undefined> {
  const answers = await Promise.all(addresses.map(listens));
  return answers.includes(true) ? true : undefined;
}

/** True when a TCP connection to `host:port` is accepted. */
export function listens(address: string): Promise<boolean> {
  const [host = '', port = ''] = address.split(':');
  return new Promise((resolve) => {
    const socket = connect({ host, port: Number(port), timeout: 1000 });
    const settle = (answer: boolean) => {
      socket.destroy();
      resolve(answer);
    };
    socket.once('connect', () => settle(true));
    socket.once('error', () => settle(false));
    socket.once('timeout', () => settle(false));
  });
}
