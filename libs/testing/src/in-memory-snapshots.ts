import type { Shard, SnapshotManifest, SnapshotStore } from '@orrery/control-loop';

/** Snapshots in memory; `failing` makes every call reject, as a store that is away does. */
export class InMemorySnapshots implements SnapshotStore {
  failing: () => boolean = () => false;
  slicesWritten = 0;
  readonly #slices = new Map<string, Uint8Array>();
  #manifests: SnapshotManifest[] = [];

  async putSlice(shard: Shard, digest: string, bytes: Uint8Array): Promise<void> {
    await this.#reached();
    const key = sliceKey(shard, digest);
    if (!this.#slices.has(key)) this.slicesWritten += 1;
    this.#slices.set(key, bytes.slice());
  }

  async getSlice(shard: Shard, digest: string): Promise<Uint8Array | undefined> {
    await this.#reached();
    return this.#slices.get(sliceKey(shard, digest));
  }

  async putManifest(manifest: SnapshotManifest): Promise<void> {
    await this.#reached();
    this.#manifests = this.#manifests.filter((other) => !isSame(other, manifest, manifest.journalId, manifest.seq));
    this.#manifests.push(manifest);
  }

  async listManifests(
    shard: Shard,
    options: { readonly limit?: number; readonly atOrBefore?: number } = {},
  ): Promise<SnapshotManifest[]> {
    await this.#reached();
    return this.#manifests
      .filter((manifest) => isOf(manifest, shard) && manifest.at <= (options.atOrBefore ?? Infinity))
      .sort((left, right) => right.at - left.at || right.seq - left.seq)
      .slice(0, options.limit ?? Infinity);
  }

  async deleteManifest(shard: Shard, journalId: string, seq: number): Promise<void> {
    await this.#reached();
    const gone = this.#manifests.filter((manifest) => isSame(manifest, shard, journalId, seq));
    this.#manifests = this.#manifests.filter((manifest) => !gone.includes(manifest));
    const kept = new Set(
      this.#manifests.filter((manifest) => isOf(manifest, shard)).flatMap(({ slices }) => slices.map((s) => s.digest)),
    );
    for (const { digest } of gone.flatMap(({ slices }) => slices)) {
      if (!kept.has(digest)) this.#slices.delete(sliceKey(shard, digest));
    }
  }

  /** Changes one byte of a slice, as a damaged store might. */
  damage(shard: Shard, digest: string): void {
    const bytes = this.#slices.get(sliceKey(shard, digest))!.slice();
    bytes[bytes.length >> 1]! ^= 1;
    this.#slices.set(sliceKey(shard, digest), bytes);
  }

  async #reached(): Promise<void> {
    if (this.failing()) throw new Error('the snapshot store does not answer');
  }
}

function sliceKey({ domain, cell }: Shard, digest: string): string {
  return `${domain}/${cell}/${digest}`;
}

function isOf(manifest: SnapshotManifest, { domain, cell }: Shard): boolean {
  return manifest.domain === domain && manifest.cell === cell;
}

function isSame(manifest: SnapshotManifest, shard: Shard, journalId: string, seq: number): boolean {
  return isOf(manifest, shard) && manifest.journalId === journalId && manifest.seq === seq;
}
