import { existsSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * Ended launches that the cluster has heard of: the newest stay for people to look at, the others are removed. A launch that
 * was not released stays for ever, since its folder is what keeps it from running twice.
 */
export class ReleasedLaunches {
  readonly #launches: string;
  readonly #kept: number;
  readonly #order: string[];

  constructor(launches: string, kept: number) {
    this.#launches = launches;
    this.#kept = kept;
    this.#order = readdirSync(launches)
      .filter((launch) => existsSync(this.#marker(launch)))
      .map((launch) => ({ launch, at: statSync(this.#marker(launch)).mtimeMs }))
      .sort((a, b) => a.at - b.at)
      .map(({ launch }) => launch);
  }

  async add(launch: string): Promise<void> {
    if (!existsSync(join(this.#launches, launch)) || existsSync(this.#marker(launch))) return;
    writeFileSync(this.#marker(launch), '');
    this.#order.push(launch);
    const beyond = this.#order.splice(0, Math.max(0, this.#order.length - this.#kept));
    for (const old of beyond) await rm(join(this.#launches, old), { recursive: true, force: true });
  }

  #marker(launch: string): string {
    return join(this.#launches, launch, 'released');
  }
}
