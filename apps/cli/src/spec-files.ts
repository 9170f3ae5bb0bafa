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
  const file = call.options['file'] as string;
  const text =
    file === '-' ? await call.surroundings.readInput() : await readText(resolve(call.surroundings.folder, file));
  const { parseAllDocuments } = await import('yaml');
  const documents = parseAllDocuments(text);
  const broken = [...documents].flatMap((document) => document.errors)[0];
  if (broken !== undefined)
    throw new CliError('malformed', `${file}: ${broken.message}`, { remedy: 'it must be YAML or JSON' });
  const specs = [...documents].map((document) => document.toJS() as unknown).filter((spec) => spec !== null);
  if (specs.length === 0) throw new CliError('malformed', `${file} is empty`);
  return specs.map((spec) => named(file, spec));
}

function named(file: string, spec: unknown): NamedSpec {
  const name = (spec as { name?: unknown }).name;
  if (typeof spec === 'object' && typeof name === 'string' && name !== '') return spec as NamedSpec;
  throw new CliError('invalid-field', `${file}: /name is required`, {
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
      `${file} can't be read: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
    );
  }
}
