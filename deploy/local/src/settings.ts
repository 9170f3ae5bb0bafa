import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { declarationsIn, type GivenDeclarations } from './agent-declarations.js';
import { WrongSetting } from './wrong-setting.js';

/** Where Kafka and Cassandra come from when no address is given. */
export type InfraChoice = 'auto' | 'jvm' | 'docker';

export interface Settings {
  /** The checkout. */
  readonly root: string;
  /** Data, logs, `endpoints.json`, `token`, pids. */
  readonly home: string;
  /** What checkouts share: jars and class archives. */
  readonly cache: string;
  readonly infra: InfraChoice;
  /** Addresses of a running Kafka, if given. */
  readonly kafka: readonly string[] | undefined;
  /** Addresses of a running Cassandra, if given. */
  readonly cassandra: readonly string[] | undefined;
  readonly datacenter: string;
  readonly keyspace: string;
  readonly cells: number;
  readonly lanes: number;
  readonly instances: number;
  /** How many agents, and what they declare beside what they have anyway; words that can be meant. */
  readonly declared: GivenDeclarations;
  /** All agents are one process that has no machines and runs no tasks, for tests and benchmarks. */
  readonly simulate: boolean;
  /** Preferred port of the gateway; 0 is any free one. */
  readonly gatewayPort: number;
}

export const AGENTS_MAX = 64;
export const SIMULATED_AGENTS_MAX = 100_000;

export const checkout = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

/** The settings that the environment asks for, before any flag of the command line. */
export function settingsFrom(env: NodeJS.ProcessEnv): Settings {
  return {
    root: checkout,
    home: resolve(env['ORRERY_HOME'] ?? join(checkout, '.orrery')),
    cache: resolve(env['ORRERY_CACHE'] ?? join(homedir(), '.cache', 'orrery')),
    infra: infraChoice(env['ORRERY_INFRA'] ?? 'auto'),
    kafka: addresses('ORRERY_KAFKA', env),
    cassandra: addresses('ORRERY_CASSANDRA', env),
    datacenter: env['ORRERY_DATACENTER'] ?? 'datacenter1',
    keyspace: env['ORRERY_KEYSPACE'] ?? 'orrery',
    cells: count('ORRERY_CELLS', env, 1, 1, 1024),
    lanes: count('ORRERY_AGENT_LANES', env, 4, 1, 1024),
    instances: count('ORRERY_INSTANCES', env, 1, 1, 16),
    declared: declaredWith(
      {},
      {
        agents: (env['ORRERY_AGENTS'] ?? '') === '' ? undefined : count('ORRERY_AGENTS', env, 0, 0, AGENTS_MAX),
        disks: wordsIn(env['ORRERY_DISKS']),
        reserve: wordsIn(env['ORRERY_RESERVE']),
        secrets: env['ORRERY_SECRETS'] === '' ? undefined : env['ORRERY_SECRETS'],
      },
    ),
    simulate: false,
    gatewayPort: count('ORRERY_PORT', env, 7070, 0, 65_535),
  };
}

/** More of the same; throws where it can't be meant. */
export function declaredWith(
  before: GivenDeclarations,
  more: {
    readonly agents: number | undefined;
    readonly disks: readonly string[];
    readonly reserve: readonly string[];
    readonly secrets: string | undefined;
  },
): GivenDeclarations {
  const [disks, reserve] = [
    [...(before.disks ?? []), ...more.disks],
    [...(before.reserve ?? []), ...more.reserve],
  ];
  const secrets = more.secrets === undefined ? before.secrets : resolve(more.secrets);
  const agents = more.agents ?? before.agents;
  const declared = {
    ...(agents === undefined ? {} : { agents }),
    ...(disks.length === 0 ? {} : { disks }),
    ...(reserve.length === 0 ? {} : { reserve }),
    ...(secrets === undefined ? {} : { secrets }),
  };
  declarationsIn(declared);
  return declared;
}

export function infraChoice(given: string): InfraChoice {
  if (given === 'auto' || given === 'jvm' || given === 'docker') return given;
  throw new WrongSetting(`--infra is one of auto, jvm, docker, and not ${JSON.stringify(given)}`);
}

export function wholeNumber(name: string, given: string, min: number, max: number): number {
  const value = Number(given);
  if (given.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value;
  throw new WrongSetting(`${name} is a whole number from ${min} to ${max}, and not ${JSON.stringify(given)}`);
}

function count(name: string, env: NodeJS.ProcessEnv, otherwise: number, min: number, max: number): number {
  const given = env[name];
  return given === undefined || given === '' ? otherwise : wholeNumber(name, given, min, max);
}

function wordsIn(given: string | undefined): string[] {
  return (given ?? '').split(/\s+/).filter((word) => word !== '');
}

function addresses(name: string, env: NodeJS.ProcessEnv): readonly string[] | undefined {
  const given = env[name];
  if (given === undefined || given.trim() === '') return undefined;
  const list = given.split(',').map((address) => address.trim());
  const wrong = list.find((address) => !/^[^\s:]+:\d{1,5}$/.test(address));
  if (wrong !== undefined) {
    throw new WrongSetting(
      `${name} is a list of host:port separated by commas, and ${JSON.stringify(wrong)} is not one`,
    );
  }
  return list;
}
