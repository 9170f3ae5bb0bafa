/** Where the nodes are and how this process shows itself to them. */
export interface CassandraOptions {
  /** `host:port`. */
  readonly contactPoints: readonly string[];
  readonly datacenter: string;
  readonly keyspace: string;
  readonly credentials?: { readonly username: string; readonly password: string };
  /** Takes what the driver has to say; nothing is printed without it. */
  readonly logger?: CassandraLogger;
}

export type CassandraLogger = (
  level: 'debug' | 'info' | 'warn' | 'error',
  message: string,
  fields: Readonly<Record<string, unknown>>,
) => void;
