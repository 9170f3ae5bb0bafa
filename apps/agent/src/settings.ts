import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { checkShape, diskName, GivenReserved, Labels, roleOfCommand } from '@orrery/contracts';
import { Type, type Static } from 'typebox';

/** What the environment says; each wrong value is told by name. */
export interface Settings {
  readonly kafka: readonly string[];
  readonly name: string;
  /** Of the installation on this machine. */
  readonly home: string;
  readonly folder: string;
  /** Where what tasks need is fetched to; shared by the agents of this machine. */
  readonly artifactsFolder: string;
  /** Beyond it what was used longest ago goes. */
  readonly artifactsMib: number;
  /** Holds what tasks name as secrets; absent: this agent has none. */
  readonly secretsFolder: string | undefined;
  /** Where tasks of this agent can be reached. */
  readonly address: string;
  readonly cells: number;
  readonly lanes: number;
  /** Absent: by the hash of the host's name. */
  readonly cell: number | undefined;
  readonly resources: GivenResources;
  /** Told to stop, the agent ends its tasks first. */
  readonly stopTasks: boolean;
  readonly cgroupParent: string | undefined;
  readonly limits: 'quota' | 'weight' | 'none';
}

/** Amounts that are given are believed; the others are found out. */
interface GivenResources {
  readonly cpus?: number;
  readonly memory?: number;
  readonly disk?: number;
  readonly ports?: readonly (readonly [number, number])[];
  readonly gpus?: readonly string[];
  /** Disks of their own for volumes; a size that is not given is that of the disk. */
  readonly disks?: readonly GivenDisk[];
  /** Parts of it that are kept for roles. */
  readonly reservations?: readonly GivenReservation[];
  readonly attributes?: Readonly<Record<string, string>>;
  readonly region?: string;
  readonly zone?: string;
  readonly hostname?: string;
}

export interface GivenDisk {
  readonly name: string;
  readonly path: string;
  readonly size?: number;
  readonly type: 'PATH' | 'MOUNT';
}

export type GivenReservation = Static<typeof reservationSchema>;

const LANES_DEFAULT = 4;
const ARTIFACTS_DEFAULT_MIB = 20_480;

export function readSettings(env: NodeJS.ProcessEnv): Settings {
  const given = (name: string) => (env[name] === undefined || env[name] === '' ? undefined : env[name]);
  const whole = (name: string, fallback?: number) => {
    const text = given(name);
    if (text === undefined) return fallback;
    if (!/^\d+$/.test(text)) throw new Error(`${name} must be a whole number, found ${JSON.stringify(text)}`);
    return Number(text);
  };
  const kafka = given('ORRERY_KAFKA');
  if (kafka === undefined) throw new Error('ORRERY_KAFKA must name the brokers: host:port,…');
  const limits = given('ORRERY_AGENT_LIMITS') ?? 'quota';
  if (limits !== 'quota' && limits !== 'weight' && limits !== 'none') {
    throw new Error(`ORRERY_AGENT_LIMITS must be quota, weight or none, found ${JSON.stringify(limits)}`);
  }
  const cells = whole('ORRERY_CELLS', 1)!;
  const cell = whole('ORRERY_AGENT_CELL');
  if (cell !== undefined && cell >= cells) throw new Error(`ORRERY_AGENT_CELL is ${cell}, there are ${cells} cells`);
  const name = plainName(given('ORRERY_AGENT_NAME') ?? hostname());
  const home = given('ORRERY_HOME') ?? '.orrery';
  return {
    kafka: kafka.split(','),
    name,
    home,
    folder: given('ORRERY_AGENT_DIR') ?? join(home, 'agents', name),
    artifactsFolder: join(given('ORRERY_CACHE') ?? join(homedir(), '.cache', 'orrery'), 'artifacts'),
    artifactsMib: whole('ORRERY_ARTIFACTS_MIB', ARTIFACTS_DEFAULT_MIB)!,
    secretsFolder: given('ORRERY_AGENT_SECRETS'),
    address: given('ORRERY_AGENT_ADDRESS') ?? '127.0.0.1',
    cells,
    lanes: whole('ORRERY_AGENT_LANES', LANES_DEFAULT)!,
    cell,
    resources: parseResources(given('ORRERY_AGENT_RESOURCES')),
    stopTasks: given('ORRERY_AGENT_STOP_TASKS') === '1',
    cgroupParent: given('ORRERY_AGENT_CGROUP'),
    limits,
  };
}

const amount = Type.Optional(Type.Number({ minimum: 0 }));
const word = Type.Optional(Type.String({ minLength: 1, maxLength: 255 }));
const port = Type.Integer({ minimum: 1, maximum: 65_535 });
const diskSchema = Type.Object(
  {
    name: diskName,
    path: Type.String({ pattern: '^/', description: 'an absolute path' }),
    size: Type.Optional(Type.Integer({ minimum: 1, description: 'MiB' })),
    type: Type.Union([Type.Literal('PATH'), Type.Literal('MOUNT')]),
  },
  { additionalProperties: false },
);
const reservationSchema = Type.Object(
  { role: roleOfCommand, resources: GivenReserved, labels: Type.Optional(Labels) },
  { additionalProperties: false },
);
const resourcesSchema = Type.Object(
  {
    cpus: amount,
    memory: amount,
    disk: amount,
    ports: Type.Optional(
      Type.Array(Type.Unsafe<readonly [number, number]>(Type.Array(port, { minItems: 2, maxItems: 2 }))),
    ),
    gpus: Type.Optional(Type.Array(Type.String({ minLength: 1 }))),
    disks: Type.Optional(Type.Array(diskSchema, { maxItems: 64 })),
    reservations: Type.Optional(Type.Array(reservationSchema, { maxItems: 64 })),
    attributes: Type.Optional(Type.Record(Type.String(), Type.String())),
    region: word,
    zone: word,
    hostname: word,
  },
  { additionalProperties: false },
);

function parseResources(text: string | undefined): GivenResources {
  if (text === undefined) return {};
  const wrong = (why: string) => new Error(`ORRERY_AGENT_RESOURCES ${why}`);
  const checked = checkShape(resourcesSchema, parseJson(text, wrong));
  if (!checked.ok) throw wrong(`${checked.refusal.field ?? ''} ${checked.refusal.message}`);
  const given = checked.value;
  const turned = given.ports?.find(([first, last]) => first > last);
  if (turned !== undefined) throw wrong(`has ports from ${turned[0]} to ${turned[1]}`);
  for (const key of ['name', 'path'] as const) {
    const twice = given.disks?.find((disk, at) => given.disks!.findIndex((other) => other[key] === disk[key]) < at);
    if (twice !== undefined) throw wrong(`has two disks of the ${key} ${twice[key]}`);
  }
  return given;
}

function parseJson(text: string, wrong: (why: string) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw wrong(`must be JSON: ${(error as Error).message}`);
  }
}

/** Names become part of ids, keys and folders. */
function plainName(name: string): string {
  return (
    name
      .toLowerCase()
      .replace(/[^a-z0-9-]+/g, '-')
      .replace(/^-+|-+$/g, '')
      .slice(0, 63) || 'agent'
  );
}
