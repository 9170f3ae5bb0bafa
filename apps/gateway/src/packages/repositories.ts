import { packagesFolder } from '@orrery/catalog';
import { checkShape } from '@orrery/contracts';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, isAbsolute } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Type, type Static } from 'typebox';
import { Problem } from '../problem.js';
import { FolderRepository } from './folder-repository.js';
import { HttpRepository } from './http-repository.js';
import type { Repository } from './repository.js';

export const RepositoryPlace = Type.Object(
  {
    name: Type.String({ pattern: '^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$' }),
    uri: Type.String({
      pattern: '^(https?://|file:///|/)',
      maxLength: 2048,
      description: 'a folder of the machine of the gateway, or the http address of an index.json',
    }),
  },
  { additionalProperties: false },
);
export type RepositoryPlace = Static<typeof RepositoryPlace>;

/** The packages that come with Orrery; first in every list, and not to be removed. */
const BUILT_IN: RepositoryPlace = { name: 'orrery', uri: packagesFolder };
const REPOSITORIES_MAX = 64;

/**
 * The list of repositories, in the order in which a package is looked for. It is plain configuration of the gateway, a file
 * in its home: it decides nothing by itself. What was installed from where is in the spec of the service, and so in the
 * journal; a replay needs no repository.
 */
export class Repositories {
  constructor(private readonly file: string) {}

  list(): readonly RepositoryPlace[] {
    return [BUILT_IN, ...this.#added()];
  }

  open({ uri }: RepositoryPlace): Repository {
    if (/^https?:/.test(uri)) return new HttpRepository(uri);
    return new FolderRepository(isAbsolute(uri) ? uri : fileURLToPath(uri));
  }

  /** Adds one at the end, or gives a known name another address. */
  add(given: unknown): readonly RepositoryPlace[] {
    const checked = checkShape(RepositoryPlace, given);
    if (!checked.ok) throw Problem.refused(checked.refusal);
    const place = checked.value;
    if (place.name === BUILT_IN.name) throw builtIn();
    const others = this.#added().filter(({ name }) => name !== place.name);
    if (others.length >= REPOSITORIES_MAX)
      throw Problem.of('too-many-repositories', `there are ${REPOSITORIES_MAX} repositories`, { remedy: 'remove one' });
    return this.#write([...others, place]);
  }

  remove(name: string): readonly RepositoryPlace[] {
    if (name === BUILT_IN.name) throw builtIn();
    const added = this.#added();
    const left = added.filter((place) => place.name !== name);
    if (left.length < added.length) return this.#write(left);
    const known = this.list().map((place) => place.name);
    throw Problem.of('unknown-repository', `there is no repository ${name}`, { remedy: `known: ${known.join(', ')}` });
  }

  #added(): readonly RepositoryPlace[] {
    let text: string;
    try {
      text = readFileSync(this.file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
    const checked = checkShape(Type.Array(RepositoryPlace), parse(text));
    if (checked.ok) return checked.value;
    throw Problem.of('repository-away', `${this.file} is not as it should be: ${checked.refusal.message}`, {
      remedy: 'mend it, or delete it: then the packages that come along are left',
    });
  }

  #write(places: readonly RepositoryPlace[]): readonly RepositoryPlace[] {
    mkdirSync(dirname(this.file), { recursive: true });
    writeFileSync(`${this.file}.new`, `${JSON.stringify(places, undefined, 2)}\n`);
    renameSync(`${this.file}.new`, this.file);
    return this.list();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function builtIn(): Problem {
  return Problem.of('invalid-parameter', `${BUILT_IN.name} is the repository that comes along`, {
    field: 'name',
    remedy: 'choose another name',
  });
}
