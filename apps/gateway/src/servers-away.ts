import { CassandraAway } from '@orrery/cassandra';
import { BrokerAway } from '@orrery/kafka';
import { Problem } from './problem.js';

/** A server that is away is no fault of the client, and passes: the problem that says so. Nothing for any other error. */
export function problemOfAway(error: unknown): Problem | undefined {
  if (error instanceof CassandraAway) {
    const remedy = 'try again when Cassandra is back';
    return Problem.of('history-away', `the history can't be read: ${error.message}`, { remedy });
  }
  if (error instanceof BrokerAway) {
    const remedy = 'try again when Kafka is back';
    return Problem.of('log-away', `the journals can't be read: ${error.message}`, { remedy });
  }
  return undefined;
}
