import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

interface Uses {
  /** Folder of the agent; when it is gone, so are its tasks. */
  readonly user: string;
  /** Launch → keys of what it has linked. */
  readonly launches: Readonly<Record<string, readonly string[]>>;
}

/**
 * What launches of one agent use of a cache that agents of a machine share: a file in it, since tasks live on when their agent
 * does not, and the others have to know. Whoever changes or reads it holds the lock of the cache.
 */
export class ArtifactUses {
  readonly #file: string;
  readonly #user: string;
  readonly #launches: Map<string, readonly string[]>;

  constructor(folder: string, user: string) {
    mkdirSync(usesFolder(folder), { recursive: true });
    this.#file = join(usesFolder(folder), `${createHash('sha256').update(user).digest('hex').slice(0, 16)}.json`);
    this.#user = user;
    this.#launches = new Map(Object.entries(existsSync(this.#file) ? readUses(this.#file).launches : {}));
  }

  add(launch: string, key: string): void {
    const keys = this.#launches.get(launch) ?? [];
    if (keys.includes(key)) return;
    this.#launches.set(launch, [...keys, key]);
    this.#write();
  }

  /** Of all launches but these nothing is used any more. */
  retain(live: (launch: string) => boolean): void {
    const over = [...this.#launches.keys()].filter((launch) => !live(launch));
    for (const launch of over) this.#launches.delete(launch);
    if (over.length > 0) this.#write();
  }

  has(launch: string): boolean {
    return this.#launches.has(launch);
  }

  #write(): void {
    const uses: Uses = { user: this.#user, launches: Object.fromEntries(this.#launches) };
    writeFileSync(`${this.#file}.new`, JSON.stringify(uses));
    renameSync(`${this.#file}.new`, this.#file);
  }
}

/** Of all agents that share this cache; of those whose folder is gone nothing is kept. */
export function keysInUse(folder: string): ReadonlySet<string> {
  return new Set(livingUses(folder).flatMap(({ launches }) => Object.values(launches).flat()));
}

function livingUses(folder: string): Uses[] {
  return readdirSync(usesFolder(folder))
    .filter((name) => name.endsWith('.json'))
    .flatMap((name) => {
      const file = join(usesFolder(folder), name);
      const uses = readUses(file);
      if (existsSync(uses.user)) return [uses];
      rmSync(file);
      return [];
    });
}

function usesFolder(folder: string): string {
  return join(folder, 'uses');
}

function readUses(file: string): Uses {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Uses;
  } catch (error) {
    throw new Error(
      `what tasks use can't be read from ${basename(file)}: remove it when no agent of this machine runs`,
      {
        cause: error,
      },
    );
  }
}
