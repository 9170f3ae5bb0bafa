import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { KeptContainer } from './container-keeper.js';
import { runDetached } from './detached.js';
import { runDown } from './down.js';
import { runInForeground } from './foreground.js';
import { Home, HomeTaken } from './home.js';
import { runInfra } from './infra.js';
import {
  AGENTS_MAX,
  declaredWith,
  infraChoice,
  settingsFrom,
  SIMULATED_AGENTS_MAX,
  wholeNumber,
  type Settings,
} from './settings.js';
import { WrongSetting } from './wrong-setting.js';
import { SomebodyElse } from './readiness.js';
import { runStatus, type StatusFormat } from './status.js';
import { DoesNotStart } from './supervisor.js';
import { NotInTime } from './waiting.js';

const usage = `usage: node deploy/local/dist/main.js VERB [--home DIR]
  up [--detach] [--agents N [--simulate]] [--instances N] [--infra auto|jvm|docker] [--disk D]… [--reserve R]…
     [--secrets DIR] [--while-stdin-is-open]
                         the whole cluster; --simulate: agents without machines, all in one process; agents declare
                         disks such as fast:MOUNT:512 or agent-0=data:PATH:2048:/mnt/data (NAME:TYPE:MIB[:FOLDER]),
                         and keep parts of themselves for roles, such as 'cpus(eng):2;ports(eng):[7100-7110]';
                         --secrets: folder (mode 700) with a file (600) for each secret, default secrets/ of the home.
                         What is not said is as it was last time; --disk none, --reserve none: none any more
  down                   stops it, whoever started it
  status [-o json|yaml]  what runs
  infra [--infra auto|jvm|docker] [--deletable-topics] [--while-stdin-is-open]
                         only Kafka and Cassandra, in the foreground; their addresses are one line of JSON on stdout
  container SPEC         one container of the launcher, as long as this process lives; SPEC is JSON
  sweep                  stops what a launcher that was killed has left
`;

const exitCodes = { error: 1, usage: 2, conflict: 4 } as const;

/** Runs one verb. Answers with the exit code. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    return await dispatch(args);
  } catch (error) {
    if (error instanceof WrongSetting || isUsageError(error)) {
      console.error(`orrery: ${error.message}\n${usage}`);
      return exitCodes.usage;
    }
    if (error instanceof HomeTaken) {
      console.error(`orrery: ${error.message}`);
      return exitCodes.conflict;
    }
    const expected = [NotInTime, DoesNotStart, SomebodyElse].some((kind) => error instanceof kind) || hasCode(error);
    console.error(expected ? `orrery: ${(error as Error).message}` : error);
    return exitCodes.error;
  }
}

async function dispatch(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      home: { type: 'string' },
      infra: { type: 'string' },
      agents: { type: 'string' },
      instances: { type: 'string' },
      disk: { type: 'string', multiple: true, default: [] },
      reserve: { type: 'string', multiple: true, default: [] },
      secrets: { type: 'string' },
      simulate: { type: 'boolean', default: false },
      detach: { type: 'boolean', default: false },
      output: { type: 'string', short: 'o', default: 'table' },
      'deletable-topics': { type: 'boolean', default: false },
      'while-stdin-is-open': { type: 'boolean', default: false },
    },
  });
  const settings = withFlags(settingsFrom(process.env), values);
  switch (positionals[0]) {
    case 'up':
      return values.detach
        ? runDetached(settings, args.filter(isForLauncher))
        : runInForeground(settings, { whileStdinIsOpen: values['while-stdin-is-open'] });
    case 'down':
      return runDown(settings);
    case 'status':
      return runStatus(settings, statusFormat(values.output));
    case 'infra':
      return runInfra(settings, {
        deletableTopics: values['deletable-topics'],
        whileStdinIsOpen: values['while-stdin-is-open'],
      });
    case 'sweep':
      await new Home(settings.home).sweep();
      return 0;
    case 'container':
      return runContainer(positionals[1]);
    default:
      throw new WrongSetting(`there is no verb ${JSON.stringify(positionals[0] ?? '')}`);
  }
}

async function runContainer(spec: string | undefined): Promise<number> {
  if (spec === undefined) throw new WrongSetting('container needs its specification');
  // A heavy library that hardly anybody needs.
  const { keepContainer } = await import('./container-keeper.js');
  return keepContainer(JSON.parse(spec) as KeptContainer);
}

interface Flags {
  readonly home?: string;
  readonly infra?: string;
  readonly agents?: string;
  readonly instances?: string;
  readonly disk: string[];
  readonly reserve: string[];
  readonly secrets?: string;
  readonly simulate: boolean;
}

function withFlags(settings: Settings, flags: Flags): Settings {
  const { home, infra, agents, instances, disk, reserve, secrets, simulate } = flags;
  const agentsMax = simulate ? SIMULATED_AGENTS_MAX : AGENTS_MAX;
  return {
    ...settings,
    simulate,
    declared: declaredWith(settings.declared, {
      agents: agents === undefined ? undefined : wholeNumber('--agents', agents, 0, agentsMax),
      ...{ disks: disk, reserve, secrets },
    }),
    ...(home === undefined ? {} : { home: resolve(home) }),
    ...(infra === undefined ? {} : { infra: infraChoice(infra) }),
    ...(instances === undefined ? {} : { instances: wholeNumber('--instances', instances, 1, 16) }),
  };
}

function isForLauncher(word: string): boolean {
  return word !== 'up' && word !== '--detach';
}

function statusFormat(given: string): StatusFormat {
  if (given === 'json' || given === 'yaml') return given;
  if (given === 'table' || given === 'wide') return 'table';
  throw new WrongSetting(`status -o is one of json, yaml, wide, and not ${JSON.stringify(given)}`);
}

function isUsageError(error: unknown): error is Error {
  return error instanceof Error && String((error as { code?: unknown }).code).startsWith('ERR_PARSE_ARGS');
}

/** Errors of ours and of the system say what is wrong in one sentence; a stack would only hide it. */
function hasCode(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}
