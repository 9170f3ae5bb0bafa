import { randomUUID } from 'node:crypto';
import { existsSync, lutimesSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ArtifactUses, keysInUse } from './artifact-uses.js';
import { fetchInto, WrongContent, type Artifact } from './fetch-artifact.js';
import { holdingLock } from './lock-file.js';
import { makeRoom } from './room.js';

export interface ArtifactCacheOptions {
  /** Shared by all agents of this machine. */
  readonly folder: string;
  /** Whose launches these are: the folder of the agent. */
  readonly user: string;
  /** Beyond it what was used longest ago goes, unless a task still uses it. */
  readonly bytesMax: number;
  readonly say: (message: string) => void;
  /** Between the attempts; there is one more attempt than pauses. */
  readonly pausesMs?: readonly number[];
}

const PAUSES_MS = [1000, 5000];

/**
 * What tasks need of the world, fetched once a machine: a place appears by rename when its content has the sha256 that was
 * asked for, and is never changed again. Who asks for what is being fetched waits for it. What comes makes room for itself: what
 * was used longest ago goes, and never what a launch uses from the moment it asks until it is released.
 */
export class ArtifactCache {
  readonly #options: ArtifactCacheOptions;
  readonly #underWay = new Map<string, Promise<string>>();
  readonly #uses: ArtifactUses;

  constructor(options: ArtifactCacheOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true });
    this.#uses = new ArtifactUses(options.folder, options.user);
  }

  /** The place of the file or folder, for a launch. Rejects, after all attempts, with what went wrong. */
  async fetch(artifact: Artifact, launch: string): Promise<string> {
    const key = keyOf(artifact);
    await this.#alone(() => this.#uses.add(launch, key));
    const place = await this.#placeOf(key, artifact);
    // Of all times of a file this one alone says nothing about its content.
    lutimesSync(place, new Date(), statSync(place).mtime);
    return place;
  }

  /** A launch is over and uses nothing any more. */
  async release(launch: string): Promise<void> {
    if (this.#uses.has(launch)) await this.#alone(() => this.#uses.retain((other) => other !== launch));
  }

  /** After a start: all launches but these ended while nobody looked. */
  async retain(live: ReadonlySet<string>): Promise<void> {
    await this.#alone(() => this.#uses.retain((launch) => live.has(launch)));
  }

  #placeOf(key: string, artifact: Artifact): Promise<string> {
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
    await this.#makeRoom();
  }

  async #makeRoom(): Promise<void> {
    const { folder, bytesMax, say } = this.#options;
    const { doomed, bytes } = await this.#alone(() => makeRoom(folder, bytesMax, keysInUse(folder), Date.now()));
    if (bytes > bytesMax) say(`the cache has ${bytes} bytes, more than ${bytesMax}: tasks use all of it`);
    for (const place of doomed)
      await rm(place, { recursive: true, force: true }).catch((error: Error) =>
        say(`${place} can't be removed: ${error.message}`),
      );
  }

  /** No other agent of this machine counts what is used, or takes away what is not, meanwhile. */
  #alone<Value>(work: () => Value): Promise<Value> {
    return holdingLock(join(this.#options.folder, 'uses.lock'), async () => work());
  }
}

/** One content may be wanted as it came and unpacked. */
function keyOf({ sha256, extract, executable }: Artifact): string {
  return `${sha256}${extract === true ? '.extracted' : ''}${executable === true ? '.executable' : ''}`;
}
