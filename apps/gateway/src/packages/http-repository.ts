import type { PackageFiles } from '@orrery/catalog';
import { Problem } from '../problem.js';
import { entryOf, PACKAGE_BYTES_MAX, type PackageEntry, type Repository } from './repository.js';

const TIMEOUT_MS = 10_000;
const PACKAGES_MAX = 10_000;

/**
 * An address of an index: `{"packages":[{"name","version","description","tags","files":{"package.json":"kafka/4.1.1/package.json",…}}]}`.
 * Addresses of files are relative to that of the index, so that any file server will do.
 */
export class HttpRepository implements Repository {
  constructor(private readonly index: string) {}

  async packages(): Promise<readonly PackageEntry[]> {
    const { packages } = this.#parse(await this.#read(this.index));
    if (!Array.isArray(packages) || packages.length > PACKAGES_MAX)
      throw this.#away('its index is no list of packages');
    return packages
      .map((entry: unknown) => entryOf(entry, () => this.#files((entry as { files?: unknown }).files)))
      .filter((entry) => entry !== undefined);
  }

  async #files(files: unknown): Promise<PackageFiles> {
    const named = Object.entries((files ?? {}) as Record<string, string>);
    const texts = await Promise.all(
      named.map(async ([name, place]) => [name, await this.#read(new URL(String(place), this.index).href)] as const),
    );
    return Object.fromEntries(texts);
  }

  #parse(text: string): { readonly packages?: unknown } {
    try {
      return JSON.parse(text) as { packages?: unknown };
    } catch (error) {
      throw this.#away(`its index is no JSON: ${(error as Error).message}`);
    }
  }

  async #read(address: string): Promise<string> {
    try {
      const response = await fetch(address, { signal: AbortSignal.timeout(TIMEOUT_MS) });
      if (!response.ok) throw new Error(`${address} answers ${response.status}`);
      let [text, bytes] = ['', 0];
      const decoder = new TextDecoder();
      for await (const chunk of response.body ?? []) {
        bytes += (chunk as Uint8Array).length;
        if (bytes > PACKAGE_BYTES_MAX) throw new Error(`${address} is larger than ${PACKAGE_BYTES_MAX} bytes`);
        text += decoder.decode(chunk as Uint8Array, { stream: true });
      }
      return text;
    } catch (error) {
      throw this.#away((error as Error).message);
    }
  }

  #away(why: string): Problem {
    const remedy = 'try again, or take it off the list: orrery repo remove';
    return Problem.of('repository-away', `the repository ${this.index} can't be read: ${why}`, { remedy });
  }
}
