import { join } from 'node:path';

/** What the environment says about this process. */
export class GatewaySettings {
  readonly instance: string;
  readonly home: string;
  readonly host: string;
  readonly port: number;
  readonly cells: number;
  readonly lanes: number;
  readonly kafka: readonly string[];
  readonly cassandra: readonly string[];
  readonly datacenter: string;
  readonly keyspace: string;

  constructor(environment: Readonly<Record<string, string | undefined>>) {
    this.instance = `gateway-${environment['ORRERY_INSTANCE'] ?? '0'}`;
    this.home = environment['ORRERY_HOME'] ?? '.orrery';
    this.host = environment['ORRERY_HOST'] ?? '127.0.0.1';
    this.port = wholeNumber(environment, 'ORRERY_PORT', 7070);
    this.cells = wholeNumber(environment, 'ORRERY_CELLS', 1);
    this.lanes = wholeNumber(environment, 'ORRERY_AGENT_LANES', 4);
    this.kafka = addresses(environment, 'ORRERY_KAFKA');
    this.cassandra = addresses(environment, 'ORRERY_CASSANDRA');
    this.datacenter = environment['ORRERY_DATACENTER'] ?? 'datacenter1';
    this.keyspace = environment['ORRERY_KEYSPACE'] ?? 'orrery';
  }

  /** Where this process says at which address it really listens. */
  get addressFile(): string {
    return join(this.home, 'run', `${this.instance}.json`);
  }
}

function wholeNumber(
  environment: Readonly<Record<string, string | undefined>>,
  name: string,
  otherwise: number,
): number {
  const text = environment[name];
  if (text === undefined || text === '') return otherwise;
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(`${name} is a whole number, found ${JSON.stringify(text)}`);
}

function addresses(environment: Readonly<Record<string, string | undefined>>, name: string): string[] {
  const text = environment[name];
  if (text === undefined || text.trim() === '') throw new Error(`${name} is not set: host:port, separated by commas`);
  return text.split(',').map((address) => address.trim());
}
