import { connect } from 'node:net';
import { Client } from 'cassandra-driver';
import { Kafka, logLevel } from 'kafkajs';
import { NotInTime, until, type Patience } from './waiting.js';

export interface Waiting extends Omit<Patience, 'what'> {
  /** Looks at the cluster that answers, by its id or name. Throws when it is not the one that was started. */
  readonly whoAnswers?: (cluster: string) => void;
}

/** Another cluster than the one that was started answers at its address. */
export class SomebodyElse extends Error {}

/** Somebody else's process may have been quicker to listen on a port that was free a moment ago. */
export function expecting(own: () => string | undefined, addresses: readonly string[]): (cluster: string) => void {
  return (cluster) => {
    if (cluster === own()) return;
    throw new SomebodyElse(
      `cluster ${cluster}, which was not started here, answers at ${addresses.join(', ')}: start again`,
    );
  };
}

/** Waits until a broker answers a metadata request. */
export async function kafkaReady(brokers: readonly string[], waiting: Waiting): Promise<void> {
  const patience = { ...waiting, what: `an answer of Kafka at ${brokers.join(', ')}` };
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
      const { clusterId, brokers: serving } = await admin.describeCluster();
      waiting.whoAnswers?.(clusterId);
      return serving.length > 0 ? true : undefined;
    } catch (error) {
      if (error instanceof SomebodyElse) throw error;
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
  waiting: Waiting,
): Promise<void> {
  const patience = { ...waiting, what: `an answer of Cassandra at ${contactPoints.join(', ')}` };
  await until(() => someoneListens(contactPoints), patience);
  let lastError: unknown;
  try {
    await until(async () => {
      const client = new Client({ contactPoints: [...contactPoints], localDataCenter: datacenter });
      try {
        await client.connect();
        const { rows } = await client.execute('SELECT cluster_name FROM system.local');
        waiting.whoAnswers?.(String(rows[0]?.['cluster_name']));
        return true;
      } catch (error) {
        if (error instanceof SomebodyElse) throw error;
        lastError = error;
        return undefined;
      } finally {
        await client.shutdown();
      }
    }, patience);
  } catch (error) {
    if (lastError === undefined || !(error instanceof NotInTime)) throw error;
    throw new NotInTime(`${error.message}: ${String(lastError)}`, { cause: lastError });
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

/** Waits until the gateway says that it serves. */
export async function gatewayReady(url: string, waiting: Waiting): Promise<void> {
  await until(
    async () => {
      try {
        const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2000) });
        return answer.ok ? true : undefined;
      } catch {
        return undefined; // nobody listens yet: asked again until the deadline, which says what did not answer
      }
    },
    { ...waiting, what: `an answer of the gateway at ${url}/readyz` },
  );
}
