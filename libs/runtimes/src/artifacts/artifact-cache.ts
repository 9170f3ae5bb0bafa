import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fetchInto, WrongContent, type Artifact } from './fetch-artifact.js';
import { holdingLock } from './lock-file.js';

export interface ArtifactCacheOptions {
  /** Shared by all agents of this machine. */
  readonly folder: string;
  readonly say: (message: string) => void;
  /** Between the attempts; there is one more attempt than pauses. */
  readonly pausesMs?: readonly number[];
}

const PAUSES_MS = [1000, 5000];

/**
 * What tasks need of the world, fetched once a machine: a place appears by rename when its content has the sha256 that was
 * asked for, and is never changed again. Who asks for what is being fetched waits for it. Nothing is removed by itself.
 */
export class ArtifactCache {
  readonly #options: ArtifactCacheOptions;
  readonly #underWay = new Map<string, Promise<string>>();

  constructor(options: ArtifactCacheOptions) {
    this.#options = options;
  }

  /** The place of the file or folder. Rejects, after all attempts, with what went wrong. */
  fetch(artifact: Artifact): Promise<string> {
    const key = keyOf(artifact);
    let place = this.#underWay.get(key);
    if (place === undefined) {
      place = this.#fetch(key, artifact).finally(() => this.#underWay.delete(key));
      this.#underWay.set(key, place);
    }
    return place;
  }

  async #fetch(key: string, artifact: Artifact): Promise<string> {
    const { folder, pausesMs = PAUSES_MS } = this.#options;
    const place = join(folder, key);
    if (existsSync(place)) return place;
    mkdirSync(folder, { recursive: true });
    return holdingLock(`${place}.lock`, async () => {
      for (const pauseMs of [...pausesMs, undefined]) {
        if (existsSync(place)) return place;
        try {
          await this.#fetchOnce(place, artifact);
        } catch (error) {
          if (pauseMs === undefined || error instanceof WrongContent) throw error;
          this.#options.say(`${artifact.uri} could not be fetched and is tried again: ${(error as Error).message}`);
          await new Promise((resolve) => setTimeout(resolve, pauseMs));
        }
      }
      return place;
    });
  }

  async #fetchOnce(place: string, artifact: Artifact): Promise<void> {
    const partial = `${place}.${randomUUID()}`;
    this.#options.say(`fetching ${artifact.uri}`);
    try {
      renameSync(await fetchInto(artifact, partial), place);
    } finally {
      rmSync(partial, { recursive: true, force: true });
    }
  }
}

/** One content may be wanted as it came and unpacked. */
function keyOf({ sha256, extract, executable }: Artifact): string {
  return `${sha256}${extract === true ? '.extracted' : ''}${executable === true ? '.executable' : ''}`;
}
