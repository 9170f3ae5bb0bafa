/** What the environment says about a process of the plane. */
export interface ProcessSettings {
  /** `master`, `allocator` … */
  readonly app: string;
  /** Names this process to people: `master-0`. */
  readonly instance: string;
  /** Where it keeps what is its own: logs, pids, addresses. */
  readonly home: string;
  /** Partitions of every domain topic. */
  readonly cells: number;
  /** Lanes a cell of every agent topic. */
  readonly lanes: number;
  /** `host:port`. */
  readonly kafka: readonly string[];
  /** `host:port`. */
  readonly cassandra: readonly string[];
  readonly datacenter: string;
  readonly keyspace: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** Reads the ORRERY_… variables that the launcher sets; a wrong one throws, and says what it should be. */
export function processSettings(app: string, environment: Environment): ProcessSettings {
  return {
    app,
    instance: `${app}-${environment['ORRERY_INSTANCE'] ?? '0'}`,
    home: environment['ORRERY_HOME'] ?? '.orrery',
    cells: wholeNumber('ORRERY_CELLS', environment, 1),
    lanes: wholeNumber('ORRERY_AGENT_LANES', environment, 4),
    kafka: addresses('ORRERY_KAFKA', environment),
    cassandra: addresses('ORRERY_CASSANDRA', environment),
    datacenter: environment['ORRERY_DATACENTER'] ?? 'datacenter1',
    keyspace: environment['ORRERY_KEYSPACE'] ?? 'orrery',
  };
}

function wholeNumber(name: string, environment: Environment, otherwise: number): number {
  const given = environment[name];
  if (given === undefined || given === '') return otherwise;
  if (/^[1-9]\d{0,3}$/.test(given)) return Number(given);
  throw new Error(`${name} is a whole number from 1 to 9999, found ${JSON.stringify(given)}`);
}

function addresses(name: string, environment: Environment): string[] {
  const list = (environment[name] ?? '').split(',').map((address) => address.trim());
  if (list.every((address) => /^[^\s:]+:\d{1,5}$/.test(address))) return list;
  throw new Error(
    `${name} is a list of host:port separated by commas, found ${JSON.stringify(environment[name] ?? '')}`,
  );
}
