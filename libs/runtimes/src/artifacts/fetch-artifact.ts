import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, createReadStream, createWriteStream, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { copyMavenClosure } from './maven.js';

const run = promisify(execFile);

/** A file, an archive, or a set of jars with all that they depend on (`mvn:group:artifact:version`, joined by `+`). */
export interface Artifact {
  readonly uri: string;
  /** Of the file; of a set of jars that of `sha256sum *` in their folder. */
  readonly sha256: string;
  readonly extract?: boolean;
  readonly executable?: boolean;
}

/** What came is not what was asked for: asking again does not help. */
export class WrongContent extends Error {
  constructor({ uri, sha256 }: Artifact, found: string) {
    super(`${uri} has the sha256 ${found}, expected ${sha256}`);
    this.name = 'WrongContent';
  }
}

const FETCH_TIMEOUT_MS = 30 * 60_000;
const READ_ONLY = 0o444;
const EXECUTABLE = 0o555;

/** Fetches into a folder of its own and returns the file or folder that is wanted of it, checked and read-only. */
export async function fetchInto(artifact: Artifact, folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const content = join(folder, 'content');
  if (artifact.uri.startsWith('mvn:')) return closureInto(artifact, folder, content);
  await copy(artifact.uri, content);
  const found = await sha256Of(content);
  if (found !== artifact.sha256) throw new WrongContent(artifact, found);
  if (artifact.extract !== true) {
    chmodSync(content, artifact.executable === true ? EXECUTABLE : READ_ONLY);
    return content;
  }
  const extracted = join(folder, 'extracted');
  mkdirSync(extracted);
  await unpack(artifact.uri, content, extracted);
  return extracted;
}

async function closureInto(artifact: Artifact, folder: string, jars: string): Promise<string> {
  await copyMavenClosure(artifact.uri.slice('mvn:'.length).split('+'), folder, jars);
  const names = readdirSync(jars).sort((left, right) => Buffer.from(left).compare(Buffer.from(right)));
  const list = createHash('sha256');
  for (const name of names) {
    list.update(`${await sha256Of(join(jars, name))}  ${name}\n`);
    chmodSync(join(jars, name), READ_ONLY);
  }
  const found = list.digest('hex');
  if (found !== artifact.sha256) throw new WrongContent(artifact, found);
  return jars;
}

async function copy(uri: string, file: string): Promise<void> {
  if (uri.startsWith('file:')) return pipeline(createReadStream(fileURLToPath(uri)), createWriteStream(file));
  const response = await fetch(uri, { signal: AbortSignal.timeout(FETCH_TIMEOUT_MS) });
  if (!response.ok || response.body === null) throw new Error(`${uri} answers ${response.status}`);
  await pipeline(Readable.fromWeb(response.body as never), createWriteStream(file));
}

async function unpack(uri: string, archive: string, folder: string): Promise<void> {
  const path = new URL(uri).pathname;
  if (path.endsWith('.zip') || path.endsWith('.jar')) await run('unzip', ['-q', archive, '-d', folder]);
  else await run('tar', ['--no-same-owner', '-xf', archive, '-C', folder]);
}

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return hash.digest('hex');
}
