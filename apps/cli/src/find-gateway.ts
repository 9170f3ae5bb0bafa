import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { CliError } from './cli-error.js';

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Installation {
  readonly url: string;
  readonly token?: string;
}

/** Where the gateway is: `ORRERY_URL`, else what the launcher wrote into `endpoints.json` of `ORRERY_HOME`. */
export function findGateway(environment: Environment, folder: string): Installation {
  const home = findHome(environment, folder);
  const token = environment['ORRERY_TOKEN'] ?? readToken(home);
  const url = environment['ORRERY_URL'] ?? readEndpoints(home);
  if (url === undefined) {
    throw new CliError('no-gateway', `no gateway is known: there is no ${join(home, 'endpoints.json')}`, {
      remedy: 'start the cluster with `npm start` or `orrery up`, or set ORRERY_URL',
    });
  }
  return { url: url.replace(/\/+$/, ''), ...(token === undefined ? {} : { token }) };
}

/** `ORRERY_HOME`, else `.orrery` in the checkout that the folder lies in, else in the folder itself. */
export function findHome(environment: Environment, folder: string): string {
  const given = environment['ORRERY_HOME'];
  if (given !== undefined && given !== '') return resolve(folder, given);
  return join(findCheckout(folder) ?? folder, '.orrery');
}

export function findCheckout(folder: string): string | undefined {
  for (let at = resolve(folder); ; at = dirname(at)) {
    const file = join(at, 'package.json');
    if (existsSync(file) && isWorkspace(file)) return at;
    if (dirname(at) === at) return undefined;
  }
}

function isWorkspace(file: string): boolean {
  return (parseFile(file) as { name?: unknown } | undefined)?.name === 'orrery-workspace';
}

function readEndpoints(home: string): string | undefined {
  const file = join(home, 'endpoints.json');
  if (!existsSync(file)) return undefined;
  const gateway = (parseFile(file) as { gateway?: unknown } | undefined)?.gateway;
  return typeof gateway === 'string' ? gateway : undefined;
}

function readToken(home: string): string | undefined {
  const file = join(home, 'token');
  return existsSync(file) ? readFileSync(file, 'utf8').trim() || undefined : undefined;
}

function parseFile(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'));
  } catch (error) {
    throw new CliError('unreadable-file', `${file} can't be read: ${(error as Error).message}`);
  }
}
