import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Call } from './call.js';
import { CliError } from './cli-error.js';

export interface NamedSpec {
  readonly name: string;
  readonly [field: string]: unknown;
}

/** The service specs of `-f`: YAML or JSON, many documents in one file are many services. */
export async function readSpecs(call: Call): Promise<NamedSpec[]> {
  const { place, documents } = await readDocuments(call, call.options['file'] as string);
  return documents.map((spec) => named(place, spec));
}

/** The documents of a file of YAML or JSON; `-` is stdin. */
export async function readDocuments(call: Call, file: string): Promise<{ place: string; documents: unknown[] }> {
  const place = file === '-' ? 'stdin' : file;
  const text =
    file === '-' ? await call.surroundings.readInput() : await readText(resolve(call.surroundings.folder, file));
  const { parseAllDocuments } = await import('yaml');
  const parsed = parseAllDocuments(text);
  const broken = [...parsed].flatMap((document) => document.errors)[0];
  if (broken !== undefined)
    throw new CliError('malformed', `${place}: ${broken.message.trim()}`, { remedy: 'it must be YAML or JSON' });
  const documents = [...parsed].map((document) => document.toJS() as unknown).filter((each) => each !== null);
  if (documents.length === 0) throw new CliError('malformed', `${place} is empty`);
  return { place, documents };
}

function named(place: string, spec: unknown): NamedSpec {
  const name = (spec as { name?: unknown }).name;
  if (typeof spec === 'object' && typeof name === 'string' && name !== '') return spec as NamedSpec;
  throw new CliError('invalid-field', `${place}: /name is required`, {
    field: '/name',
    remedy: 'add the name of the service',
  });
}

async function readText(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new CliError(
      'unreadable-file',
      isMissing(error) ? `there is no file ${file}` : `${file} can't be read: ${(error as Error).message}`,
    );
  }
}

function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException).code === 'ENOENT';
}
